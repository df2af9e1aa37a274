//! One action as one request to the engine.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::engine::{self, Builder, Engine};
use crate::event::Event;
use crate::execute::limits::{Limits, Turns, Urgency};
use crate::execute::wait::Hub;
use crate::execute::{Attached, Error, Outcome, Reports, hook, program, transfer};
use crate::labels;
use crate::names;
use crate::plan::{Action, Step, Turn};
use crate::spec::{BuildSpec, ContainerSpec, Hook, Shared};
use crate::state::desired::set_label;
use crate::state::hash::ServiceHash;

/// A stop that takes longer waits for its container, not for the engine.
const BUSY: Duration = Duration::from_millis(700);

/// Who is given less is expected to be killed.
const SHORTEST_GRACE: Duration = Duration::from_secs(1);

/// The exit code of a process that was killed.
const KILLED: i64 = 137;

/// Between two looks at something that is being made.
const SOON: Duration = Duration::from_millis(100);

/// IDs that are known once earlier steps have run.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub container: String,
    pub parents: BTreeMap<String, String>,
}

pub(super) fn is_wait(action: &Action) -> bool {
    matches!(
        action,
        Action::AwaitHealthy { .. }
            | Action::AwaitUp { .. }
            | Action::AwaitCompleted { .. }
            | Action::AwaitHook { .. }
    )
}

pub(super) async fn apply(
    (engine, builder): (&Engine, &Builder<'_>),
    limits: &Limits,
    hub: &Hub<'_>,
    reports: &Reports,
    step: &Step,
    resolved: Resolved,
) -> Outcome {
    let id = resolved.container.as_str();
    let done = match &step.action {
        Action::Pull { .. } | Action::Push { .. } => {
            transfer::run(engine, &limits.transfers, reports, step).await
        }
        Action::Build(spec) => built(builder, reports, step, spec).await,
        Action::CreateNetwork(request) => match engine.create_network((**request).clone()).await {
            Err(engine::Error::Conflict(message)) => {
                let wanted = request.labels.clone().unwrap_or_default();
                let taken_over = taken_over(engine, &request.name, &wanted).await;
                if taken_over { Ok(()) } else { Err(engine::Error::Conflict(message)) }
            }
            other => other.map(drop),
        },
        Action::CreateVolume(request) => engine.create_volume((**request).clone()).await,
        Action::Create { spec, hash, .. } => {
            let spec = joined((**spec).clone(), hash.as_deref(), &resolved.parents);
            // Starts keep the processors busy meanwhile.
            let _turn = limits.starts.take(Urgency::Low).await;
            let name = spec.name.clone();
            let wanted = spec.body.labels.clone().unwrap_or_default();
            return match engine.create(spec).await {
                Ok(created) => {
                    let name = step.subject.name();
                    for warning in created.warnings {
                        let _ = reports.events.send(Event::Warning(format!("{name}: {warning}")));
                    }
                    Outcome::Done { made: Some(created.id) }
                }
                Err(engine::Error::Conflict(message)) => {
                    match adopted(engine, &name, &wanted).await {
                        Some(id) => Outcome::Done { made: Some(id) },
                        None => Outcome::Failed(engine::Error::Conflict(message).into()),
                    }
                }
                Err(error) => Outcome::Failed(error.into()),
            };
        }
        Action::Rename { to, .. } => engine.rename(id, to).await,
        Action::Run(call) => {
            return match program::run(call, &step.subject, reports).await {
                Ok(variables) => Outcome::Provided(variables),
                Err(error) => Outcome::Failed(error),
            };
        }
        Action::Copy { files, .. } => engine.put_files(id, files).await,
        Action::Hook { hook, turn, .. } => {
            return run_hook(engine, hub, reports, step, (id, *turn, hook)).await;
        }
        Action::Attach { starts, .. } => match engine.attach(id).await {
            Ok((stream, container)) => {
                let name = step.subject.name().to_owned();
                let _ = reports.attached.send(Attached {
                    id: id.to_owned(),
                    name,
                    service: step.service.clone().unwrap_or_default(),
                    starts: *starts,
                    after: starts.then_some(container.finished_at),
                    stream,
                });
                Ok(())
            }
            Err(error) => Err(error),
        },
        Action::Start { .. } => {
            let _turn = limits.starts.take(Urgency::High).await;
            engine.start(id).await
        }
        Action::Stop { grace, .. } => stopped(engine, limits, reports, id, *grace).await,
        Action::Restart { grace, .. } => in_turn(&limits.stops, engine.restart(id, *grace)).await,
        Action::Kill { signal, .. } => engine.signal(id, signal).await,
        Action::Pause { .. } => engine.pause(id).await,
        Action::Unpause { .. } => engine.unpause(id).await,
        Action::Remove { container, volumes } => {
            in_turn(&limits.stops, engine.remove(container, *volumes)).await
        }
        Action::Connect { endpoint, .. } => engine.connect_to((**endpoint).clone(), id).await,
        Action::Disconnect { network, .. } => engine.disconnect(network, id).await,
        Action::RemoveNetwork { id, name, replaced } => {
            return removed(engine.remove_network(id, name).await, *replaced);
        }
        Action::RemoveVolume { name, replaced } => {
            return removed(engine.remove_volume(name).await, *replaced);
        }
        Action::RemoveImage { reference } => {
            return removed(engine.remove_image(reference).await, false);
        }
        Action::AwaitHealthy { .. } => return waited(hub.healthy(id).await),
        Action::AwaitUp { .. } => return waited(hub.up(id).await),
        Action::AwaitCompleted { .. } => return waited(hub.completed(id).await),
        Action::AwaitHook { index, .. } => {
            let service = step.service.as_deref().unwrap_or_default();
            let source = format!("{service} pre_start[{index}] ->");
            return waited(hook::follow(engine, reports, id, &source).await);
        }
        Action::Discard { .. } => engine.remove(id, true).await,
    };
    waited(done.map_err(Error::from))
}

/// Builds an image, and tells what the builder does.
async fn built(
    builder: &Builder<'_>,
    reports: &Reports,
    step: &Step,
    spec: &BuildSpec,
) -> Result<(), engine::Error> {
    let tell = |event| {
        let (image, service) = (step.subject.name().to_owned(), spec.service.clone());
        let _ = reports.events.send(Event::Build { image, service, event });
    };
    for loss in builder.losses(spec) {
        let _ = reports.events.send(Event::Warning(format!("service `{}`: {loss}", spec.service)));
    }
    builder.build(spec, &tell).await.map(drop)
}

/// Runs a command in a container, at a turn of its life.
async fn run_hook(
    engine: &Engine,
    hub: &Hub<'_>,
    reports: &Reports,
    step: &Step,
    (id, turn, hook): (&str, Turn, &Hook),
) -> Outcome {
    let service = step.service.as_deref().unwrap_or_default();
    let source = format!("{} ->", names::short(hub.project(), service, step.subject.name()));
    match hook::run(engine, reports, id, &source, hook).await {
        // What does not run any more needs no preparation for its end.
        Err(Error::Engine(engine::Error::NotFound(_) | engine::Error::Conflict(_)))
            if turn == Turn::PreStop =>
        {
            Outcome::Done { made: None }
        }
        result => waited(result),
    }
}

fn waited(result: Result<(), Error>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done { made: None },
        Err(error) => Outcome::Failed(error),
    }
}

fn removed(result: Result<(), engine::Error>, must_go: bool) -> Outcome {
    match result {
        Ok(()) => Outcome::Done { made: None },
        Err(engine::Error::Conflict(_)) if !must_go => Outcome::InUse,
        Err(error) => Outcome::Failed(error.into()),
    }
}

/// Stops a container, and warns of one that had to be killed.
async fn stopped(
    engine: &Engine,
    limits: &Limits,
    reports: &Reports,
    id: &str,
    grace: Option<Duration>,
) -> Result<(), engine::Error> {
    let call = async {
        let begun = Instant::now();
        (engine.stop(id, grace).await, begun.elapsed())
    };
    let (result, taken) = in_turn(&limits.stops, call).await;
    result?;
    let waited = grace.unwrap_or(taken);
    // Who has no time to stop ignores nothing.
    if taken < waited || waited < SHORTEST_GRACE {
        return Ok(());
    }
    if let Ok(container) = engine.inspect(id).await {
        let grace = grace.unwrap_or(container.grace());
        if container.exit_code == KILLED && taken >= grace {
            let seconds = grace.as_secs();
            let fix = if container.init {
                "let it end when it gets the signal, or name the one it listens to with `stop_signal`"
            } else {
                "set `init: true`, or start the program in exec form and let it listen to the signal"
            };
            let _ = reports.events.send(Event::Warning(format!(
                "{} ignored {} and was killed after {seconds} s; its process is `{}`; {fix}",
                container.name,
                container.stop_signal,
                container.command.join(" "),
            )));
        }
    }
    Ok(())
}

/// Runs a call when it is its turn, and gives the turn back early if the call takes long.
async fn in_turn<T>(turns: &Turns, call: impl Future<Output = T>) -> T {
    let turn = turns.take(Urgency::High).await;
    let call = std::pin::pin!(call);
    let busy = std::pin::pin!(tokio::time::sleep(BUSY));
    match select(call, busy).await {
        Either::Left((result, _)) => result,
        Either::Right(((), call)) => {
            drop(turn);
            call.await
        }
    }
}

/// The container that has the name of the one that was to be made, if it is just that one: a run that
/// was killed leaves requests behind which the engine fulfils a moment later.
async fn adopted(engine: &Engine, name: &str, wanted: &HashMap<String, String>) -> Option<String> {
    // One-offs have no number, and are never taken for each other.
    wanted.get(labels::CONTAINER_NUMBER)?;
    let same = [labels::PROJECT, labels::SERVICE, labels::CONTAINER_NUMBER, labels::CONFIG_HASH];
    for _ in 0..20 {
        match engine.inspect(name).await {
            Ok(container) => {
                let is_same = |label: &&str| container.labels.get(*label) == wanted.get(*label);
                return same.iter().all(is_same).then_some(container.id);
            }
            // Its name is taken before it is there.
            Err(engine::Error::NotFound(_)) => tokio::time::sleep(SOON).await,
            Err(_) => return None,
        }
    }
    None
}

/// Whether the network that has the name of the one that was to be made is just that one.
async fn taken_over(engine: &Engine, name: &str, wanted: &HashMap<String, String>) -> bool {
    let same = [labels::PROJECT, labels::NETWORK, labels::CONFIG_HASH];
    for _ in 0..20 {
        match engine.network_labels(name).await {
            Ok(found) => return same.iter().all(|label| found.get(*label) == wanted.get(*label)),
            Err(engine::Error::NotFound(_)) => tokio::time::sleep(SOON).await,
            Err(_) => return false,
        }
    }
    false
}

/// A container with the IDs of those it shares something with, and the hash that follows from them.
fn joined(
    mut spec: ContainerSpec,
    hash: Option<&ServiceHash>,
    parents: &BTreeMap<String, String>,
) -> ContainerSpec {
    for join in std::mem::take(&mut spec.joins) {
        let Some(id) = parents.get(&join.service) else {
            continue;
        };
        let host = spec.host();
        match join.what {
            Shared::Network => host.network_mode = Some(format!("container:{id}")),
            Shared::Ipc => host.ipc_mode = Some(format!("container:{id}")),
            Shared::Pid => host.pid_mode = Some(format!("container:{id}")),
            Shared::Volumes { mode } => {
                let source = match mode {
                    Some(mode) => format!("{id}:{mode}"),
                    None => id.clone(),
                };
                host.volumes_from.get_or_insert_default().push(source);
            }
        }
    }
    if let Some(hash) = hash {
        let hash = hash.resolve(&|service| parents.get(service).cloned());
        set_label(&mut spec, labels::CONFIG_HASH, &hash);
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;
    use crate::spec::Join;
    use crate::yaml::Node;

    #[test]
    fn parents_become_ids() {
        let join = |what| Join { service: "web".to_owned(), what };
        let spec = ContainerSpec {
            joins: vec![
                join(Shared::Network),
                join(Shared::Volumes { mode: Some("ro".to_owned()) }),
            ],
            ..ContainerSpec::default()
        };
        let node =
            Node::map(Span::NOWHERE, [("network_mode", Node::text(Span::NOWHERE, "service:web"))]);
        let hash = ServiceHash::new(&node, None);
        let parents = BTreeMap::from([("web".to_owned(), "1f".to_owned())]);
        let mut spec = joined(spec, Some(&hash), &parents);
        assert_eq!(spec.host().network_mode.as_deref(), Some("container:1f"));
        assert_eq!(spec.host().volumes_from, Some(vec!["1f:ro".to_owned()]));
        let label = spec.body.labels.unwrap().remove(labels::CONFIG_HASH).unwrap();
        assert_eq!(label, hash.resolve(&|_| Some("1f".to_owned())));
        assert_ne!(label, hash.resolve(&|_| None));
    }
}
