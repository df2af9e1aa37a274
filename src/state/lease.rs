//! What is held by a process, and goes with it: the label says by whom. No hash counts it.

use crate::labels::{self, Lease};
use crate::state::desired::{Desired, set_label};

impl Desired {
    /// Marks all that is made as held. Images that the files name are shared by nature, and are not.
    pub fn hold(&mut self, lease: &Lease) {
        let text = lease.to_string();
        for service in &mut self.services {
            set_label(&mut service.template.spec, labels::LEASE, &text);
        }
        let label = || (labels::LEASE.to_owned(), text.clone());
        for network in &mut self.networks {
            network.request.labels.get_or_insert_default().extend([label()]);
        }
        for volume in &mut self.volumes {
            volume.request.labels.get_or_insert_default().extend([label()]);
        }
        for build in self.builds_mut().filter(|build| !build.named) {
            build.labels.insert(labels::IMAGE_LEASE.to_owned(), text.clone());
        }
    }
}
