//! Networks and volumes: made where they are missing, and made anew where they have changed.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::event::Subject;
use crate::labels;
use crate::plan::consent::is_changed;
use crate::plan::converge::Planner;
use crate::plan::{Action, Cause, Plan, Step, StepId, Target};
use crate::source::Span;
use crate::state::desired::{DesiredNetwork, DesiredService, DesiredVolume};
use crate::state::observed::{Container, Network};

impl<'a> Planner<'a> {
    pub(super) fn networks(&mut self) {
        for network in &self.desired.networks {
            let found = self.observed.network(&network.name);
            match found {
                _ if network.external && found.is_none() => {
                    let known = self.observed.networks.iter().any(|it| it.id == network.name);
                    if !known {
                        let message = format!(
                            "network `{}` is declared as external, but could not be found",
                            network.name
                        );
                        self.problems.push(
                            Diagnostic::error(network.span, message)
                                .help("create it, or leave out `external: true`"),
                        );
                    }
                }
                _ if network.external => {}
                Some(found) if self.is_own(&found.labels) => {
                    if is_changed(&found.labels, &network.hash) {
                        self.remake_network(network, found);
                    }
                }
                Some(found) => {
                    self.warn_of_owner("network", &network.name, &found.labels, network.span);
                }
                None => {
                    let subject = Subject::Network(network.name.clone());
                    let action = Action::CreateNetwork(Box::new(network.request.clone()));
                    let step =
                        Step::new(subject, action, Cause::Missing).shows("Creating", "Created");
                    self.networks.insert(&network.name, self.plan.push(step));
                }
            }
        }
    }

    pub(super) fn volumes(&mut self) {
        for volume in &self.desired.volumes {
            let found = self.observed.volume(&volume.name);
            match found {
                None if volume.external => {
                    let message = format!("external volume `{}` not found", volume.name);
                    self.problems.push(
                        Diagnostic::error(volume.span, message)
                            .help("create it, or leave out `external: true`"),
                    );
                }
                Some(_) if volume.external => {}
                Some(found) if !self.is_own(&found.labels) => {
                    self.warn_of_owner("volume", &volume.name, &found.labels, volume.span);
                }
                Some(found) if !is_changed(&found.labels, &volume.hash) => {}
                Some(_) if self.options.renewed.contains(&volume.name) => {
                    self.remake_volume(volume);
                }
                Some(_) => {
                    let message = format!(
                        "volume `{}` is configured differently now; it is kept as it was",
                        volume.name
                    );
                    self.problems.push(
                        Diagnostic::warning(volume.span, message)
                            .help("pass `--yes` to have it made anew, which loses its data"),
                    );
                }
                None => {
                    let subject = Subject::Volume(volume.name.clone());
                    let action = Action::CreateVolume(Box::new(volume.request.clone()));
                    let step =
                        Step::new(subject, action, Cause::Missing).shows("Creating", "Created");
                    self.volumes.insert(&volume.name, self.plan.push(step));
                }
            }
        }
    }

    fn is_own(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(labels::PROJECT) == Some(&self.desired.project)
    }

    /// Warns of a network or volume that is used as it is although it is not the project's.
    fn warn_of_owner(
        &mut self,
        kind: &str,
        name: &str,
        labels: &BTreeMap<String, String>,
        span: Span,
    ) {
        let message = match labels.get(labels::PROJECT) {
            None => format!("{kind} `{name}` was not made by Compose; it is used as it is"),
            Some(owner) => {
                format!("{kind} `{name}` belongs to the project `{owner}`; it is used as it is")
            }
        };
        let warning = Diagnostic::warning(span, message)
            .help("set `external: true` to use what others have made");
        self.problems.push(warning);
    }

    /// Plans a network that takes the place of the one that is there. Its containers leave it for that
    /// time; those that stay as they are join the new one as they should be on it.
    fn remake_network(&mut self, network: &'a DesiredNetwork, found: &'a Network) {
        let name = network.name.as_str();
        let cause = Cause::NetworkChanged(name.to_owned());
        let is_on = |it: &Container| it.networks.iter().any(|it| *it == found.id || *it == name);
        let users = self.users("network", name, network.span, &is_on);
        let mut left = Vec::new();
        for (service, container) in users {
            let stopped = self.stop_for(service, container, &cause);
            let action = Action::Disconnect {
                container: Target::Existing(container.id.clone()),
                network: found.id.clone(),
            };
            let leave =
                Step::new(Subject::Container(container.name.clone()), action, cause.clone())
                    .service(&container.service)
                    .after(stopped);
            left.push(self.plan.push(leave));
        }
        let subject = Subject::Network(name.to_owned());
        let action =
            Action::RemoveNetwork { id: found.id.clone(), name: name.to_owned(), replaced: true };
        let removed = Step::new(subject.clone(), action, Cause::Diverged)
            .after(left)
            .shows("Removing", "Removed");
        let removed = self.plan.push(removed);
        let action = Action::CreateNetwork(Box::new(network.request.clone()));
        let made = Step::new(subject, action, Cause::ReplacedBy(removed))
            .after([removed])
            .completes()
            .shows("Creating", "Created");
        let made = self.plan.push(made);
        self.networks.insert(name, made);
        self.remade.insert(name);
    }

    /// Plans a volume that takes the place of the one that is there, and of its data. Its containers go.
    fn remake_volume(&mut self, volume: &'a DesiredVolume) {
        let name = volume.name.as_str();
        let cause = Cause::VolumeChanged(name.to_owned());
        let has = |it: &Container| it.mounts.iter().any(|it| it.volume.as_deref() == Some(name));
        let users = self.users("volume", name, volume.span, &has);
        let mut removals = Vec::new();
        for (service, container) in users {
            let known = self.gone.get(container.id.as_str()).copied();
            let removal = known.unwrap_or_else(|| self.remove(container, service, cause.clone()));
            self.gone.insert(&container.id, removal);
            removals.push(removal);
        }
        let subject = Subject::Volume(name.to_owned());
        let action = Action::RemoveVolume { name: name.to_owned(), replaced: true };
        let removed = Step::new(subject.clone(), action, Cause::Diverged)
            .after(removals)
            .shows("Removing", "Removed");
        let removed = self.plan.push(removed);
        let action = Action::CreateVolume(Box::new(volume.request.clone()));
        let made = Step::new(subject, action, Cause::ReplacedBy(removed))
            .after([removed])
            .completes()
            .shows("Creating", "Created");
        let made = self.plan.push(made);
        self.volumes.insert(name, made);
    }

    /// The containers of the project that use something which goes for a moment, dependents first. Those
    /// that this plan has no business with must not use it.
    fn users(
        &mut self,
        kind: &str,
        name: &str,
        span: Span,
        uses: &dyn Fn(&Container) -> bool,
    ) -> Vec<(Option<&'a DesiredService>, &'a Container)> {
        let observed = self.observed;
        let position = |it: &Container| {
            self.desired.services.iter().position(|service| service.name == it.service)
        };
        let mut found = Vec::new();
        let mut strangers = Vec::new();
        for container in observed.containers.iter().filter(|it| uses(it)) {
            match position(container) {
                Some(position) if !container.one_off => found.push((Some(position), container)),
                _ if self.is_orphan(container) && self.options.remove_orphans => {
                    found.push((None, container));
                }
                _ if kind == "network" && !container.state.is_up() => {}
                _ => strangers.push(container.name.as_str()),
            }
        }
        if !strangers.is_empty() {
            let message = format!(
                "{kind} `{name}` is configured differently now, but cannot be made anew, as containers \
                 use it that are not part of this: {}",
                strangers.join(", ")
            );
            self.problems.push(
                Diagnostic::error(span, message).help("remove them, or include their services"),
            );
        }
        found.sort_by_key(|(position, container)| (std::cmp::Reverse(*position), container.number));
        let service = |position: Option<usize>| Some(&self.desired.services[position?]);
        found.into_iter().map(|(position, container)| (service(position), container)).collect()
    }

    /// Plans the stop of a container, if it runs and nothing stops it yet.
    fn stop_for(
        &mut self,
        service: Option<&DesiredService>,
        container: &'a Container,
        cause: &Cause,
    ) -> Option<StepId> {
        if let Some((stop, _)) = self.stopped.get(container.id.as_str()) {
            return Some(*stop);
        }
        if !container.state.is_up() {
            return None;
        }
        let grace = self.options.grace.or(service.and_then(|it| it.template.grace()));
        let action = Action::Stop { container: Target::Existing(container.id.clone()), grace };
        let dependents: Vec<StepId> = self
            .desired
            .services
            .iter()
            .filter(|it| it.dependencies.iter().any(|it| it.service == container.service))
            .flat_map(|it| self.observed.replicas(&it.name))
            .filter_map(|it| self.stopped.get(it.id.as_str()))
            .map(|(stop, _)| *stop)
            .collect();
        let stop = Step::new(Subject::Container(container.name.clone()), action, cause.clone())
            .service(&container.service)
            .after_end_of(dependents)
            .shows("Stopping", "Stopped");
        let hooks = service.map_or(const { &crate::spec::Hooks::NONE }, |it| it.template.hooks());
        let stop = self.plan.push_stop(stop, hooks, container).step;
        self.stopped.insert(&container.id, (stop, cause.clone()));
        Some(stop)
    }

    /// Plans that a container which stays joins the networks that are made anew.
    pub(super) fn rejoin(
        &mut self,
        service: &DesiredService,
        container: &Container,
        number: u32,
    ) -> Vec<StepId> {
        let mut joined = Vec::new();
        for endpoint in service.template.container(number).endpoints {
            let name = endpoint.network.as_str();
            let Some(made) = self.networks.get(name).copied() else { continue };
            if !self.remade.contains(name) {
                continue;
            }
            let cause = Cause::NetworkChanged(name.to_owned());
            let subject = Subject::Container(container.name.clone());
            let container = Target::Existing(container.id.clone());
            let action = Action::Connect { container, endpoint: Box::new(endpoint) };
            let join = Step::new(subject, action, cause).service(&service.name).after([made]);
            joined.push(self.plan.push(join.completes()));
        }
        joined
    }

    /// Plans the removal of networks that the project has under other names now, once nobody is on them.
    pub(super) fn renamed_networks(&mut self) {
        for network in &self.desired.networks {
            for old in &self.observed.networks {
                if old.name == network.name
                    || !self.is_own(&old.labels)
                    || old.labels.get(labels::NETWORK) != Some(&network.key)
                {
                    continue;
                }
                let is_on = |id: &str| {
                    let container = self.observed.containers.iter().find(|it| it.id == id);
                    // Podman 4 has the name where others have the ID.
                    container.is_some_and(|it| {
                        it.networks.iter().any(|it| *it == old.id || *it == old.name)
                    })
                };
                let after = removals(&self.plan, &is_on);
                let action = Action::RemoveNetwork {
                    id: old.id.clone(),
                    name: old.name.clone(),
                    replaced: false,
                };
                let cause = Cause::Renamed(network.name.clone());
                let step = Step::new(Subject::Network(old.name.clone()), action, cause)
                    .after_end_of(after)
                    .shows("Removing", "Removed");
                self.plan.push(step);
            }
        }
    }
}

/// The steps that remove containers of which `is_meant` is true.
fn removals(plan: &Plan, is_meant: &dyn Fn(&str) -> bool) -> Vec<StepId> {
    let steps = plan.steps.iter().enumerate();
    let meant = steps.filter(
        |(_, step)| matches!(&step.action, Action::Remove { container, .. } if is_meant(container)),
    );
    meant.map(|(index, _)| StepId(index)).collect()
}

#[cfg(test)]
mod tests {
    use crate::plan::tests::{check, check_with, scene};
    use crate::plan::{Options, converge};

    const TWO: &str = "
services:
  web: {image: i, depends_on: [db], networks: {default: {aliases: [www]}, other: }}
  db: {image: j, networks: [default]}
  far: {image: k, networks: [other]}
networks: {other: }
";

    #[test]
    fn a_changed_network_is_left_and_joined_again() {
        check(
            TWO,
            "networks\nchanged p_default\nweb-1 running\ndb-1 exited\nfar-1 running",
            "
            -. container p-far-1 runs
            1. container p-web-1 stop (network p_default is made anew)
            2. container p-web-1 disconnect from id-of-p_default (network p_default is made anew) after [1]
            3. container p-db-1 disconnect from id-of-p_default (network p_default is made anew)
            4. network p_default remove (configured differently) after [2, 3]
            5. network p_default create (replaced by 4) after [4]
            6. container p-db-1 connect to p_default (network p_default is made anew) after [5]
            7. container p-web-1 connect to p_default (network p_default is made anew) after [5]
            8. container p-db-1 start (not running) after [6]
            9. container p-web-1 start (network p_default is made anew) after [7, 1, 8]
            ",
        );
    }

    #[test]
    fn dependents_leave_a_changed_network_first_and_replaced_ones_do_not_join() {
        check(
            TWO,
            "networks\nchanged p_default\nweb-1 running changed\ndb-1 running\nfar-1 running",
            "
            -. container p-far-1 runs
            1. container p-web-1 stop (network p_default is made anew)
            2. container p-web-1 disconnect from id-of-p_default (network p_default is made anew) after [1]
            3. container p-db-1 stop (network p_default is made anew) after [1?]
            4. container p-db-1 disconnect from id-of-p_default (network p_default is made anew) after [3]
            5. network p_default remove (configured differently) after [2, 4]
            6. network p_default create (replaced by 5) after [5]
            7. container p-db-1 connect to p_default (network p_default is made anew) after [6]
            8. container p-web-1 create as id-of-web-1_p-web-1 (configured differently) after [6]
            9. container p-web-1 remove (replaced by 8) after [8, 1]
            10. container p-web-1 rename to p-web-1 (replaced by 8) after [9]
            11. container p-db-1 start (network p_default is made anew) after [7, 3]
            12. container p-web-1 start (configured differently) after [10, 11]
            ",
        );
    }

    #[test]
    fn a_network_that_strangers_use_is_not_made_anew() {
        let files = "services: {web: {image: i}}";
        let there = "networks\nchanged p_default\nweb-1 running\nold-1 running\ngone-1 exited";
        let scene = scene(files, &there.replace("old-1 running", "old-1 running on-network"));
        let error = converge(&scene.desired, &scene.observed, &Options::default()).unwrap_err();
        let messages: Vec<&str> = error.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "network `p_default` is configured differently now, but cannot be made anew, as \
                 containers use it that are not part of this: p-old-1",
                "found orphan containers (p-old-1, p-gone-1) for this project",
            ]
        );
    }

    const DATA: &str = "
services:
  web: {image: i, volumes: ['data:/d', /anonymous], depends_on: [db], scale: 2}
  db: {image: j, volumes: ['other:/d']}
volumes: {data: , other: }
";

    #[test]
    fn a_changed_volume_stays_unless_somebody_wants_it_gone() {
        let there = "networks\nvolumes\nchanged p_data\nweb-1 running anonymous=/anonymous\nweb-2 exited\ndb-1 running";
        check(
            DATA,
            there,
            "
            warning: volume `p_data` is configured differently now; it is kept as it was
            -. container p-db-1 runs
            -. container p-web-1 runs
            1. container p-web-2 start (not running)
            ",
        );
        let options = Options { renewed: ["p_data".to_owned()].into(), ..Options::default() };
        check_with(
            &options,
            DATA,
            there,
            "
            -. container p-db-1 runs
            1. container p-web-1 stop (volume p_data is made anew)
            2. container p-web-1 remove (volume p_data is made anew) after [1?]
            3. container p-web-2 remove (volume p_data is made anew)
            4. volume p_data remove (configured differently) after [2, 3]
            5. volume p_data create (replaced by 4) after [4]
            6. container p-web-1 create as p-web-1 (missing) after [5, 2, 3]
            7. container p-web-2 create as p-web-2 (missing) after [5, 2, 3]
            8. container p-web-1 start (missing) after [6]
            9. container p-web-2 start (missing) after [7]
            ",
        );
    }

    #[test]
    fn a_container_without_its_network_cannot_start_and_is_replaced() {
        check(
            "services: {web: {image: i}}",
            "web-1 exited off-network",
            "
            1. network p_default create (missing)
            2. container p-web-1 create as id-of-web-1_p-web-1 (not on network p_default) after [1]
            3. container p-web-1 remove (replaced by 2) after [2]
            4. container p-web-1 rename to p-web-1 (replaced by 2) after [3]
            5. container p-web-1 start (not on network p_default) after [4]
            ",
        );
    }

    #[test]
    fn a_renamed_network_goes_when_nobody_is_on_it() {
        let mut scene = scene("services: {web: {image: i}}\nnetworks: {default: {name: new}}", "");
        let other = scene_of_old_name();
        scene.observed = other;
        let plan = converge(&scene.desired, &scene.observed, &Options::default()).unwrap();
        crate::plan::tests::compare(
            &plan.to_string(),
            "
            1. network new create (missing)
            2. container p-web-1 create as id-of-web-1_p-web-1 (not on network new) after [1]
            3. container p-web-1 stop (replaced by 2) after [2]
            4. container p-web-1 remove (replaced by 2) after [3]
            5. container p-web-1 rename to p-web-1 (replaced by 2) after [4]
            6. network p_default remove (is new now) after [4?]
            7. container p-web-1 start (not on network new) after [5]
            ",
        );
    }

    /// What `services: {web: {image: i}}` has made.
    fn scene_of_old_name() -> crate::state::observed::Observed {
        let mut observed = scene("services: {web: {image: i}}", "networks\nweb-1 running").observed;
        let id = observed.networks[0].id.clone();
        observed.containers[0].networks.push(id);
        observed
    }
}
