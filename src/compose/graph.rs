//! The dependency graph of services.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use crate::source::Span;
use crate::yaml::Node;

/// Why one service needs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `depends_on`, written or implied by links, shared namespaces and volumes.
    Start,
    /// `build.additional_contexts`: the other's image is an input of this one's build.
    Build,
}

/// A dependency: the place that states it, and whether it may be missing.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub reason: Reason,
    pub span: Span,
    pub required: bool,
}

/// Services and what they depend on.
#[derive(Debug, Default)]
pub struct Graph {
    graph: DiGraph<String, Edge>,
    nodes: BTreeMap<String, NodeIndex>,
}

impl Graph {
    /// The dependencies for `reason` between canonical services; those on services that are not
    /// among them are left out.
    pub fn of_services<'a>(
        services: impl Iterator<Item = (&'a str, &'a Node)> + Clone,
        reason: Reason,
    ) -> Self {
        let mut graph = Self::default();
        for (name, _) in services.clone() {
            let index = graph.graph.add_node(name.to_owned());
            graph.nodes.insert(name.to_owned(), index);
        }
        for (name, service) in services {
            for (target, edge) in edges(service).filter(|(_, edge)| edge.reason == reason) {
                if let (Some(from), Some(to)) = (graph.nodes.get(name), graph.nodes.get(target)) {
                    graph.graph.add_edge(*from, *to, edge);
                }
            }
        }
        graph
    }

    /// Names with dependencies before dependents, otherwise by name.
    #[must_use]
    pub fn in_order(&self) -> Vec<&str> {
        let mut done = Vec::with_capacity(self.nodes.len());
        let mut seen = vec![false; self.graph.node_count()];
        for index in self.nodes.values() {
            self.visit(*index, &mut seen, &mut done);
        }
        done
    }

    fn visit<'a>(&'a self, index: NodeIndex, seen: &mut [bool], done: &mut Vec<&'a str>) {
        // An explicit stack: a chain of services may be as long as a file allows.
        let mut stack = vec![(index, false)];
        while let Some((index, expanded)) = stack.pop() {
            if expanded {
                done.push(self.graph[index].as_str());
                continue;
            }
            if std::mem::replace(&mut seen[index.index()], true) {
                continue;
            }
            stack.push((index, true));
            let mut targets: Vec<NodeIndex> = self.graph.neighbors(index).collect();
            targets.sort_by(|a, b| self.graph[*b].cmp(&self.graph[*a]));
            stack.extend(
                targets.into_iter().filter(|target| !seen[target.index()]).map(|it| (it, false)),
            );
        }
    }

    /// One cycle for each group of services that depend on each other: the services in order, each
    /// with the place that leads to the next.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<(&str, Span)>> {
        let mut cycles: Vec<Vec<(&str, Span)>> = tarjan_scc(&self.graph)
            .into_iter()
            .filter(|group| group.len() > 1 || self.graph.contains_edge(group[0], group[0]))
            .map(|group| self.cycle_in(&group))
            .collect();
        cycles.sort();
        cycles
    }

    /// The shortest way from the first service of a group back to itself.
    fn cycle_in(&self, group: &[NodeIndex]) -> Vec<(&str, Span)> {
        let Some(start) = group.iter().copied().min_by_key(|index| &self.graph[*index]) else {
            return Vec::new();
        };
        let mut reached: BTreeMap<NodeIndex, (NodeIndex, Span)> = BTreeMap::new();
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(index) = queue.pop_front() {
            let mut edges: Vec<_> = self.graph.edges(index).collect();
            edges.sort_by_key(|edge| &self.graph[edge.target()]);
            for edge in edges {
                let target = edge.target();
                if group.contains(&target) && !reached.contains_key(&target) {
                    reached.insert(target, (index, edge.weight().span));
                    queue.push_back(target);
                }
            }
            if reached.contains_key(&start) {
                break;
            }
        }
        let mut cycle = Vec::new();
        let mut at = start;
        while let Some((from, span)) = reached.get(&at) {
            cycle.push((self.graph[*from].as_str(), *span));
            at = *from;
            if at == start {
                break;
            }
        }
        cycle.reverse();
        cycle
    }
}

/// What `service` depends on.
pub fn edges(service: &Node) -> impl Iterator<Item = (&str, Edge)> {
    let starts = service.get("depends_on").and_then(Node::as_map).into_iter().flatten().map(
        |(target, entry)| {
            let required = entry.node.get("required").and_then(Node::as_bool) != Some(false);
            (target.as_str(), Edge { reason: Reason::Start, span: entry.key, required })
        },
    );
    let builds = service
        .at(["build", "additional_contexts"])
        .and_then(Node::as_map)
        .into_iter()
        .flatten()
        .filter_map(|(_, entry)| {
            let target = entry.node.as_str()?.strip_prefix("service:")?;
            Some((target, Edge { reason: Reason::Build, span: entry.node.span, required: true }))
        });
    starts.chain(builds)
}
