//! `analyze`: what the time until a project was ready was spent on, from what the engine remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::commands::timeline::{Piece, Timeline, write_trace};
use crate::engine::Inspected;
use crate::event::Subject;
use crate::labels::Dependency;
use crate::state::observed::{Container, State};

/// Show what the time until the containers were ready was spent on
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose analyze                      What the last start spent its time on
  rcompose analyze --trace start.json   For trace viewers")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Write it to a file that trace viewers open
    #[arg(long, value_name = "FILE")]
    trace: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let (project, _) = context.project_or_name(&args.services)?;
    let found = session::block_on(async {
        let engine = context.connect().await?;
        let observed = engine.observe(&project, &[], &[], &[]).await?;
        let mut found = Vec::new();
        for container in observed.containers {
            let wanted = args.services.is_empty() || args.services.contains(&container.service);
            if !container.one_off && container.state != State::Created && wanted {
                let inspected = engine.inspect(&container.id).await?;
                found.push((container, inspected));
            }
        }
        Ok(found)
    })?;
    let timeline = Timeline::of(pieces(&found));
    context.terminal.out(&timeline.text())?;
    if let Some(path) = &args.trace {
        write_trace(path, &timeline, &project)?;
    }
    Ok(Exit::Success)
}

/// The containers' last starts, dependencies first, in relation to the first of them.
fn pieces(found: &[(Container, Inspected)]) -> Vec<Piece> {
    let mut order: Vec<&(Container, Inspected)> = found.iter().collect();
    order.sort_by_key(|(container, it)| (it.started_at, &container.name));
    let Some(zero) = order.first().map(|(_, it)| it.started_at) else {
        return Vec::new();
    };
    let since = |moment: Timestamp| {
        Duration::try_from(moment.duration_since(zero)).unwrap_or(Duration::ZERO)
    };
    let mut pieces: Vec<Piece> = Vec::new();
    // The pieces after which a container of a service is started, and those after which it is ready.
    let mut started: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut ready: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (container, it) in order {
        let after: Vec<usize> = container
            .depends_on
            .iter()
            .filter_map(|dependency| match dependency.condition.as_str() {
                "service_started" => started.get(dependency.service.as_str()),
                _ => ready.get(dependency.service.as_str()),
            })
            .flatten()
            .copied()
            .collect();
        let begin = after.iter().map(|index| pieces[*index].end).max();
        let begin = begin.unwrap_or_else(|| since(it.created_at.min(it.started_at)));
        let subject = Subject::Container(container.name.clone());
        let service = Some(container.service.clone());
        let start = pieces.len();
        let end = since(it.started_at);
        pieces.push(Piece {
            subject: subject.clone(),
            service: service.clone(),
            done: "started",
            begin: begin.min(end),
            end,
            after,
        });
        started.entry(&container.service).or_default().push(start);
        let end = became_ready(container, it, found);
        let index = end.map_or(start, |(done, moment)| {
            let begin = pieces[start].end;
            let end = since(moment).max(begin);
            pieces.push(Piece { subject, service, done, begin, end, after: vec![start] });
            pieces.len() - 1
        });
        ready.entry(&container.service).or_default().push(index);
    }
    pieces
}

/// When a container was ready for those that wait for its health or its end. Engines forget early
/// health checks, but it was healthy when the first container was started that had waited for that.
fn became_ready(
    container: &Container,
    it: &Inspected,
    found: &[(Container, Inspected)],
) -> Option<(&'static str, Timestamp)> {
    if matches!(State::parse(&it.status), State::Exited | State::Dead) {
        return Some(("completed", it.finished_at));
    }
    it.health.as_deref()?;
    let waited = |dependency: &Dependency| {
        dependency.service == container.service && dependency.condition == "service_healthy"
    };
    let dependents = found
        .iter()
        .filter(|(other, _)| other.depends_on.iter().any(waited))
        .map(|(_, dependent)| dependent.started_at);
    let checks = it.health_log.iter().filter(|run| run.exit_code == 0).map(|run| run.start);
    let first = dependents.chain(checks).filter(|moment| *moment >= it.started_at).min()?;
    Some(("healthy", first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(service: &str, needs: Option<(&str, &str)>) -> Container {
        Container {
            id: service.to_owned(),
            name: format!("p-{service}-1"),
            service: service.to_owned(),
            number: Some(1),
            one_off: false,
            state: State::Running,
            config_hash: String::new(),
            image: String::new(),
            networks: Vec::new(),
            mounts: Vec::new(),
            ports: Vec::new(),
            depends_on: needs
                .map(|(service, condition)| Dependency {
                    service: service.to_owned(),
                    condition: condition.to_owned(),
                    restart: false,
                })
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn health_is_known_by_who_waited_for_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let db = Inspected {
            status: "running".to_owned(),
            health: Some("healthy".to_owned()),
            created_at: at(99),
            started_at: at(100),
            ..Inspected::default()
        };
        let web = Inspected {
            status: "running".to_owned(),
            created_at: at(99),
            started_at: at(104),
            ..Inspected::default()
        };
        let found =
            [(container("web", Some(("db", "service_healthy"))), web), (container("db", None), db)];
        let want = "\
all done after 4.000 s; what it was spent on:

   0.000 s  +0.000 s   Container p-db-1 started
   0.000 s  +4.000 s   Container p-db-1 healthy
   4.000 s  +0.000 s   Container p-web-1 started
";
        assert_eq!(Timeline::of(pieces(&found)).text(), want);
        assert!(pieces(&[]).is_empty());
    }
}
