//! Containers that share something with another one, on engines that keep a container as long as others
//! hang on it: they go before it, and are made anew when it is their turn.

use crate::plan::converge::Planner;
use crate::plan::{Cause, Need, StepId};
use crate::state::observed::Container;

impl Planner<'_> {
    /// Plans the removal of all that shares something with `container`, which is about to go; but only
    /// once `after` has succeeded. Gives the removals.
    pub(super) fn remove_sharers(
        &mut self,
        container: &Container,
        after: Option<StepId>,
    ) -> Vec<StepId> {
        let (desired, observed) = (self.desired, self.observed);
        let mut removals = Vec::new();
        // What is shared is always that of the first one.
        let replicas = observed.replicas(&container.service);
        let is_first = replicas.first().is_some_and(|first| first.number == container.number);
        if !self.options.sharers_first || !is_first {
            return removals;
        }
        for sharer in &desired.services {
            if !sharer.template.parents().any(|parent| parent == container.service) {
                continue;
            }
            for replica in observed.replicas(&sharer.name) {
                if let Some(known) = self.gone.get(replica.id.as_str()) {
                    removals.push(*known);
                    continue;
                }
                let inner = self.remove_sharers(replica, after);
                let first = self.plan.steps.len();
                let cause = Cause::Parent(container.service.clone());
                let removal = self.remove_after(replica, Some(sharer), cause, inner);
                let waits = after.map(|step| (step, Need::Success));
                self.plan.steps[first].after.extend(waits);
                self.gone.insert(&replica.id, removal);
                removals.push(removal);
            }
        }
        removals
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::Options;
    use crate::plan::tests::check_with;

    const FILES: &str = "
services:
  side: {image: i, network_mode: 'service:web'}
  far: {image: i, pid: 'service:side'}
  web: {image: j, scale: 2}
";

    fn check(observed: &str, want: &str) {
        let options = Options { sharers_first: true, ..Options::default() };
        check_with(&options, FILES, observed, want);
    }

    #[test]
    fn they_go_before_what_they_share_with_and_come_after_it() {
        check(
            "networks\nside-1 running\nfar-1 exited\nweb-1 running changed\nweb-2 running",
            "
            -. container p-web-2 runs
            1. container p-side-1 stop (restarts with web)
            2. container p-web-1 create as id-of-web-1_p-web-1 (configured differently)
            3. container p-far-1 remove (shares with side, which is replaced) after [2]
            4. container p-side-1 remove (shares with web, which is replaced) after [3?, 1?, 2]
            5. container p-web-1 stop (replaced by 2) after [2, 4, 1?]
            6. container p-web-1 remove (replaced by 2) after [5, 4]
            7. container p-web-1 rename to p-web-1 (replaced by 2) after [6]
            8. container p-side-1 create as p-side-1 (missing) after [2, 4]
            9. container p-far-1 create as p-far-1 (missing) after [8, 3]
            10. container p-web-1 start (configured differently) after [7]
            11. container p-side-1 start (missing) after [8, 10]
            12. container p-far-1 start (missing) after [9, 11]
            ",
        );
    }

    #[test]
    fn nobody_shares_with_the_others() {
        check(
            "networks\nside-1 running\nfar-1 running\nweb-1 running\nweb-2 exited changed",
            "
            -. container p-web-1 runs
            -. container p-far-1 runs
            1. container p-side-1 stop (restarts with web)
            2. container p-web-2 create as id-of-web-2_p-web-2 (configured differently)
            3. container p-web-2 remove (replaced by 2) after [2]
            4. container p-web-2 rename to p-web-2 (replaced by 2) after [3]
            5. container p-web-2 start (configured differently) after [4]
            6. container p-side-1 start (restarts with web) after [1, 5]
            ",
        );
    }

    #[test]
    fn what_is_removed_takes_them_along() {
        check(
            "networks\nside-1 exited\nweb-1 exited changed\nweb-2 running\nweb-3 running\nfar-1 exited",
            "
            -. container p-web-2 runs
            -. container p-web-3 runs
            1. container p-far-1 remove (shares with side, which is replaced)
            2. container p-side-1 remove (shares with web, which is replaced) after [1?]
            3. container p-web-1 remove (too many) after [2?]
            4. container p-side-1 create as p-side-1 (missing) after [2]
            5. container p-far-1 create as p-far-1 (missing) after [4, 1]
            6. container p-side-1 start (missing) after [4]
            7. container p-far-1 start (missing) after [5, 6]
            ",
        );
    }
}
