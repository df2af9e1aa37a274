//! `dns check`: asks each container of a project for the names that it should know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::commands::dns::asking::{self, Told, Way};
use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::compose::model::Model;
use crate::dns::proof::{self, Ask, Container, Heard, SILENCE, Server};
use crate::engine::{self, Attachments, ContainerRow, Engine, quirks};
use crate::labels;
use crate::report::table;

/// Prove that services find each other by name, or explain why they do not
///
/// Each running container is asked for all names that it should know on each of its networks: services,
/// aliases and containers. What the engine answers inside is compared with what it tells of the containers.
/// The exit code is 1 when something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How containers are asked
    #[arg(long, value_name = "WAY", value_enum, default_value = "auto")]
    by: Way,
    /// Format of the output: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,
}

/// Containers that are asked at once.
const AT_ONCE: usize = 8;

/// An answer, and what is thought of it.
struct Finding {
    network: String,
    asked: String,
    /// The container that was asked from.
    from: String,
    heard: Heard,
    /// What is wrong.
    problem: Option<String>,
    /// Services that have the name together.
    shared: Vec<String>,
}

#[derive(Default)]
struct Proof {
    findings: Vec<Finding>,
    /// Containers that should be on a network and are not: container, network, text.
    detached: Vec<(String, String, String)>,
    /// Containers that have no names, and why.
    apart: Vec<(String, String)>,
    /// Containers that could not be asked, and why.
    unasked: Vec<(String, String)>,
    /// How containers were asked, with how many.
    ways: BTreeMap<&'static str, usize>,
    /// Networks without a way out.
    internal: BTreeSet<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let as_json = listing::is_json(&args.format)?;
    let (project, model) = context.project_or_name(&[])?;
    let proof = session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        tokio::select! {
            proof = prove(&engine, &project, model.as_ref(), args.by) => proof,
            () = signals.next() => Err(Error::Interrupted),
        }
    })?;
    let text = if as_json { proof.json(&project) } else { proof.table(&project) };
    context.terminal.out(&text)?;
    Ok(if proof.is_fine() { Exit::Success } else { Exit::Failure })
}

async fn prove(
    engine: &Engine,
    project: &str,
    model: Option<&Model>,
    way: Way,
) -> Result<Proof, Error> {
    let mut rows = engine.containers(project).await?;
    rows.retain(|row| !row.is_one_off());
    rows.sort_by(|a, b| a.name().cmp(b.name()));
    let mut both = Vec::with_capacity(rows.len());
    for row in &rows {
        match engine.attachments(&row.id).await {
            Ok(attachments) => both.push((container(row, &attachments), attachments)),
            // It went while we were looking.
            Err(engine::Error::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let all: Vec<Container> = both.iter().map(|(container, _)| container.clone()).collect();
    let mut proof = Proof::default();
    for network in engine.network_facts().await? {
        if network.internal {
            proof.internal.insert(network.name);
        }
    }
    let mut asked = Vec::new();
    for (container, attachments) in &both {
        if container.runs && !container.mode.starts_with("container:") {
            for (network, text) in proof::missing(container, &wanted(model, &container.service)) {
                proof.detached.push((container.name.clone(), network, text));
            }
        }
        match proof::apart(container, &all) {
            Some(why) => proof.apart.push((container.name.clone(), why)),
            None => asked.push((container, attachments)),
        }
    }
    let at_gateways = quirks::answers_at_gateways(engine.facts());
    let server = if at_gateways { Server::AtGateways } else { Server::Inside };
    let all = &all;
    let answers = asked.into_iter().map(|(container, attachments)| async move {
        let asks = proof::asks(container, all, server);
        let questions: Vec<(String, String)> =
            asks.iter().map(|it| (it.network.clone(), it.asked.clone())).collect();
        let told = asking::ask(engine, container, attachments, &questions, at_gateways, way).await;
        (container, asks, told)
    });
    let answers: Vec<_> = stream::iter(answers).buffered(AT_ONCE).collect().await;
    for (container, asks, told) in answers {
        match told {
            Ok(told) => proof.take(container, asks, &told, all),
            Err(why) => proof.unasked.push((container.name.clone(), why)),
        }
    }
    Ok(proof)
}

fn container(row: &ContainerRow, attachments: &Attachments) -> Container {
    // Some engines tell the networks of the owner, whose names are those there.
    let shares = attachments.mode.starts_with("container:");
    let networks = if shares { BTreeMap::new() } else { attachments.networks.clone() };
    Container {
        id: row.id.clone(),
        name: row.name().to_owned(),
        service: row.label(labels::SERVICE).to_owned(),
        runs: row.state == "running",
        mode: attachments.mode.clone(),
        networks,
    }
}

/// The engine's names of the networks that the files give a service.
fn wanted(model: Option<&Model>, service: &str) -> Vec<String> {
    let Some(model) = model else {
        return Vec::new();
    };
    let networks = model.node(&["services", service, "networks"]).and_then(|it| it.as_map());
    let keys = networks.into_iter().flatten().map(|(key, _)| key.as_str());
    keys.filter_map(|key| model.node(&["networks", key, "name"])?.as_str())
        .map(str::to_owned)
        .collect()
}

impl Proof {
    fn take(&mut self, container: &Container, asks: Vec<Ask>, told: &Told, all: &[Container]) {
        *self.ways.entry(told.by).or_default() += 1;
        let serves = told.heard.values().any(|it| it.problem != SILENCE);
        for ask in asks {
            let key = (ask.network.clone(), ask.asked.clone());
            let heard = told.heard.get(&key).cloned().unwrap_or_default();
            self.findings.push(Finding {
                problem: proof::judge(&ask, &heard, all, serves),
                shared: proof::shared_by(&ask, all),
                network: ask.network,
                asked: ask.asked,
                from: container.name.clone(),
                heard,
            });
        }
    }

    /// Whether something was asked, and nothing is wrong.
    fn is_fine(&self) -> bool {
        let is_silent = self.findings.is_empty() && !self.unasked.is_empty();
        self.detached.is_empty()
            && !is_silent
            && self.findings.iter().all(|it| it.problem.is_none())
    }

    fn json(&self, project: &str) -> String {
        let findings: Vec<_> = self
            .findings
            .iter()
            .map(|it| {
                json!({
                    "network": it.network,
                    "name": it.asked,
                    "from": it.from,
                    "addresses": it.heard.addresses,
                    "said": it.heard.problem,
                    "shared_by": it.shared,
                    "right": it.problem.is_none(),
                    "problem": it.problem,
                })
            })
            .collect();
        let detached: Vec<_> = self
            .detached
            .iter()
            .map(|(container, network, problem)| {
                json!({"container": container, "network": network, "problem": problem})
            })
            .collect();
        let pairs = |pairs: &[(String, String)]| -> Vec<_> {
            let pair = |(container, reason): &(String, String)| json!({"container": container, "reason": reason});
            pairs.iter().map(pair).collect()
        };
        let value = json!({
            "project": project,
            "ok": self.is_fine(),
            "answers": findings,
            "detached": detached,
            "apart": pairs(&self.apart),
            "unasked": pairs(&self.unasked),
            "asked": self.ways,
            "internal_networks": self.internal_of_project(),
        });
        format!("{value}\n")
    }

    fn internal_of_project(&self) -> BTreeSet<&str> {
        let networks = self.findings.iter().map(|it| it.network.as_str());
        networks.filter(|it| self.internal.contains(*it)).collect()
    }

    fn table(&self, project: &str) -> String {
        let mut text = String::new();
        if !self.findings.is_empty() {
            text.push_str(&table::columns(&self.rows(project), 0));
            text.push('\n');
        }
        for (_, network, problem) in &self.detached {
            let _ = writeln!(text, "wrong: {network}: {problem}");
        }
        for (container, why) in &self.unasked {
            let _ = writeln!(text, "{container} could not be asked: {why}");
        }
        for (container, why) in &self.apart {
            let _ = writeln!(text, "{container} has no names: {why}");
        }
        for network in self.internal_of_project() {
            let _ = writeln!(text, "{network} is internal: names of others are not found from it");
        }
        text.push_str(&self.sum(project));
        text
    }

    /// What is right is told once for all who said it, what is wrong for each.
    fn rows(&self, project: &str) -> Vec<[String; 5]> {
        let mut groups: BTreeMap<(&str, &str, bool, String, String), Vec<&str>> = BTreeMap::new();
        for it in &self.findings {
            let addresses: Vec<String> =
                it.heard.addresses.iter().map(ToString::to_string).collect();
            let answer = match addresses.is_empty() {
                true if it.heard.problem.is_empty() => "nothing".to_owned(),
                true => it.heard.problem.clone(),
                false => addresses.join(" "),
            };
            let result = match (&it.problem, &it.shared[..]) {
                (Some(problem), _) => format!("wrong: {problem}"),
                (None, []) => "right".to_owned(),
                (None, shared) => format!("right: the name of {}", shared.join(" and ")),
            };
            let key =
                (it.network.as_str(), it.asked.as_str(), it.problem.is_some(), answer, result);
            groups.entry(key).or_default().push(&it.from);
        }
        let short = |name: &str| {
            let rest = name.strip_prefix(project).and_then(|it| it.strip_prefix(['-', '_']));
            rest.unwrap_or(name).to_owned()
        };
        let mut rows =
            vec![["NETWORK", "NAME", "ANSWER", "ASKED FROM", "RESULT"].map(str::to_owned)];
        rows.extend(groups.into_iter().map(|((network, name, _, answer, result), from)| {
            let from = match &from[..] {
                [one] => short(one),
                many => format!("{} containers", many.len()),
            };
            [network.to_owned(), name.to_owned(), answer, from, result]
        }));
        rows
    }

    fn sum(&self, project: &str) -> String {
        if self.findings.is_empty() {
            let why = if self.unasked.is_empty() {
                "there was nobody to ask"
            } else {
                "nobody could be asked"
            };
            return format!("nothing is proved: {why} in project {project}\n");
        }
        let networks: BTreeSet<&str> = self.findings.iter().map(|it| it.network.as_str()).collect();
        let ways: Vec<String> = self
            .ways
            .iter()
            .map(|(way, count)| format!("{} {way}", table::counted(*count, "container")))
            .collect();
        let wrong = self.findings.iter().filter(|it| it.problem.is_some()).count();
        let asked = table::counted(self.findings.len(), "question");
        let networks = table::counted(networks.len(), "network");
        let verdict = match wrong + self.detached.len() {
            0 => "all is right".to_owned(),
            wrong => format!("{wrong} wrong"),
        };
        format!("{asked} on {networks}, {}: {verdict}\n", ways.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(network: &str, asked: &str, from: &str, problem: Option<&str>) -> Finding {
        let addresses = BTreeSet::from([std::net::Ipv4Addr::new(10, 0, 0, 2)]);
        Finding {
            network: network.to_owned(),
            asked: asked.to_owned(),
            from: from.to_owned(),
            heard: Heard { addresses, problem: String::new() },
            problem: problem.map(str::to_owned),
            shared: Vec::new(),
        }
    }

    #[test]
    fn what_is_right_is_told_once() {
        let proof = Proof {
            findings: vec![
                finding("shop_default", "web", "shop-web-1", None),
                finding("shop_default", "web", "shop-db-1", None),
                finding("shop_default", "db", "shop-web-1", Some("it is stale")),
            ],
            apart: vec![("shop-job-1".to_owned(), "it does not run".to_owned())],
            ways: BTreeMap::from([("from its network namespace", 2)]),
            ..Proof::default()
        };
        assert!(!proof.is_fine());
        let want = "\
NETWORK        NAME   ANSWER     ASKED FROM     RESULT
shop_default   db     10.0.0.2   web-1          wrong: it is stale
shop_default   web    10.0.0.2   2 containers   right

shop-job-1 has no names: it does not run
3 questions on 1 network, 2 containers from its network namespace: 1 wrong
";
        assert_eq!(proof.table("shop"), want);
        let nothing = Proof {
            unasked: vec![("shop-web-1".to_owned(), "why".to_owned())],
            ..Proof::default()
        };
        assert!(!nothing.is_fine() && nothing.table("shop").contains("nothing is proved"));
        assert!(Proof::default().is_fine());
        let value: serde_json::Value = serde_json::from_str(&proof.json("shop")).unwrap();
        assert_eq!(value["answers"][2]["problem"], "it is stale");
        assert_eq!((&value["ok"], &value["answers"][0]["right"]), (&false.into(), &true.into()));
    }
}
