//! Leaving to the engine what two jobs on one machine cannot both have.

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::yaml::Node;

/// Lets the engine choose the ports of the host, and the names of containers; these stay names on the
/// networks of the project. Gives what there is to say of it.
pub(super) fn free(model: &mut Model) -> Diagnostics {
    let mut notices = Diagnostics::default();
    for (name, entry) in &mut model.services {
        let node = &mut entry.node;
        for port in node.get_mut("ports").and_then(Node::as_list_mut).into_iter().flatten() {
            port.remove("published");
        }
        let Some(chosen) = node.remove("container_name") else { continue };
        let Some(text) = chosen.node.as_str().map(str::to_owned) else { continue };
        let at = chosen.node.span;
        let message =
            format!("`container_name` of `{name}` is left out; it stays a name on its networks");
        notices.push(Diagnostic::warning(at, message));
        let networks = node.get_mut("networks").and_then(Node::as_map_mut);
        for (_, network) in networks.into_iter().flatten() {
            if network.node.is_null() {
                network.node = Node::empty_map(network.node.span);
            }
            let alias = Node::text(at, &*text);
            match network.node.get_mut("aliases").and_then(Node::as_list_mut) {
                Some(aliases) => aliases.push(alias),
                None => network.node.set("aliases", at, Node::list(at, vec![alias])),
            }
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::files::Files;
    use crate::compose::print::Dialect;
    use crate::compose::{self, Steps, discover::Wanted};
    use crate::env::Env;
    use crate::source::SourceMap;
    use crate::yaml::emit;

    #[test]
    fn ports_and_names_are_left_to_the_engine() {
        let text = "
services:
  a:
    image: i
    container_name: one
    ports: ['127.0.0.1:80:80', '53:53/udp', '7000-7001:7000-7001', '9']
    networks: {default: , other: {aliases: [x]}}
  b: {image: i, container_name: two, network_mode: none}
  c: {image: i}
networks: {other: }
";
        let files = Files::Fixed([("/p/compose.yaml".to_owned(), text.into())].into());
        let (mut sources, env) = (SourceMap::default(), Env::fixed("/p", []));
        let load =
            compose::load(&Wanted::default(), &[], &Steps::default(), &env, &files, &mut sources);
        let (mut model, _) = load.unwrap();
        let notices = free(&mut model);
        let messages: Vec<&str> = notices.iter().map(|it| it.message.as_str()).collect();
        let text = "is left out; it stays a name on its networks";
        assert_eq!(messages, ["a", "b"].map(|name| format!("`container_name` of `{name}` {text}")));
        let shown = emit::yaml(&model.document(Dialect::Yaml));
        for gone in ["published", "container_name", " two\n"] {
            assert!(!shown.contains(gone), "{gone} in\n{shown}");
        }
        assert_eq!(shown.matches("target:").count(), 5, "{shown}");
        assert!(shown.contains("host_ip: 127.0.0.1"), "{shown}");
        assert_eq!(shown.matches("- one\n").count(), 2, "{shown}");
        assert!(shown.contains("- x\n"), "{shown}");
    }
}
