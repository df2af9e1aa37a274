//! One file per rule, with its tests below it, and the table of all of them.

mod add_where_copy_serves;
mod apt_recommends;
mod build_tools_left;
mod cd_in_run;
mod copy_before_install;
mod database_bind_mount;
mod default_bridge;
mod elsewhere;
mod engine_socket;
mod floating_tag;
mod host_network;
mod late_cleanup;
mod leaked_secret;
mod links;
mod lone_apt_update;
mod no_digest;
mod no_dockerignore;
mod packages;
mod privileged;
mod public_database_port;
mod runs_as_root;
mod secret_in_build;
mod secret_in_environment;
mod shell_form;
mod sudo;
mod undefined_base;
mod unready_dependency;

pub(super) use crate::lint::rules::elsewhere::{
    DOCKERFILE_MISSING, DOCKERFILE_SYNTAX, UNKNOWN_RULE, UNUSED_IGNORE,
};

use crate::lint::Rule;

/// All rules, in the order in which they are listed.
pub static RULES: &[&Rule] = &[
    &floating_tag::RULE,
    &no_digest::RULE,
    &leaked_secret::RULE,
    &secret_in_environment::RULE,
    &secret_in_build::RULE,
    &public_database_port::RULE,
    &database_bind_mount::RULE,
    &unready_dependency::RULE,
    &privileged::RULE,
    &engine_socket::RULE,
    &host_network::RULE,
    &default_bridge::RULE,
    &links::RULE,
    &DOCKERFILE_MISSING,
    &DOCKERFILE_SYNTAX,
    &undefined_base::RULE,
    &no_dockerignore::RULE,
    &copy_before_install::RULE,
    &add_where_copy_serves::RULE,
    &shell_form::RULE,
    &runs_as_root::RULE,
    &build_tools_left::RULE,
    &late_cleanup::RULE,
    &lone_apt_update::RULE,
    &apt_recommends::RULE,
    &cd_in_run::RULE,
    &sudo::RULE,
    &UNKNOWN_RULE,
    &UNUSED_IGNORE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Sample, testing};

    #[test]
    fn every_rule_tells_its_examples_apart() {
        for rule in RULES {
            let found = |sample: Sample| match sample {
                Sample::Compose(text) => testing::compose(rule, text),
                Sample::Dockerfile(text) => testing::dockerfile(rule, text),
            };
            assert!(!found(rule.bad).is_empty(), "`{}` does not see its bad example", rule.id);
            assert_eq!(found(rule.good), [""; 0], "`{}` flags its good example", rule.id);
        }
    }

    #[test]
    fn names_are_stable_words() {
        for (index, rule) in RULES.iter().enumerate() {
            let is_word = |char: char| char.is_ascii_lowercase() || char == '-';
            assert!(rule.id.chars().all(is_word), "{}", rule.id);
            assert!(RULES[..index].iter().all(|other| other.id != rule.id), "{}", rule.id);
            assert!(rule.reason.ends_with('.') && !rule.fix.ends_with('.'), "{}", rule.id);
        }
    }
}
