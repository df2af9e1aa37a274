//! Switches with a value (`--detach=false`), which the peer's users may write.

use clap::{Arg, ArgAction, Command};

/// Replaces `--switch=true` by the switch and drops `--switch=false`, for the switches of `command`
/// and its subcommands.
pub(super) fn normalize(args: Vec<String>, command: impl FnOnce() -> Command) -> Vec<String> {
    if !args.iter().any(|arg| assignment(arg).is_some()) {
        return args;
    }
    let root = command();
    let mut current = &root;
    let mut ended = false;
    let mut out: Vec<String> = Vec::with_capacity(args.len());
    for arg in args {
        // What follows the service belongs to the command that is run there.
        ended |= arg == "--" || (takes_command(current) && !arg.starts_with('-'));
        if let Some(subcommand) = current.find_subcommand(&arg) {
            current = subcommand;
        }
        match assignment(&arg).filter(|(name, _)| !ended && is_switch(current, name)) {
            Some((name, true)) => out.push(format!("--{name}")),
            // What is said last holds.
            Some((name, false)) => out.retain(|earlier| earlier.strip_prefix("--") != Some(name)),
            None => out.push(arg),
        }
    }
    out
}

/// The words that Go reads as a boolean.
fn assignment(arg: &str) -> Option<(&str, bool)> {
    let (name, value) = arg.strip_prefix("--")?.split_once('=')?;
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some((name, true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some((name, false)),
        _ => None,
    }
}

fn takes_command(command: &Command) -> bool {
    command.get_arguments().any(Arg::is_trailing_var_arg_set)
}

fn is_switch(command: &Command, name: &str) -> bool {
    command
        .get_arguments()
        .any(|arg| arg.get_long() == Some(name) && matches!(arg.get_action(), ArgAction::SetTrue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_with_values() {
        let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let command = || {
            let up = Command::new("up").arg(switch("detach")).arg(Arg::new("scale").long("scale"));
            let rest = Arg::new("rest").num_args(1..).trailing_var_arg(true);
            let exec = Command::new("exec").arg(switch("detach")).arg(rest);
            Command::new("rcompose").arg(switch("all")).subcommand(up).subcommand(exec)
        };
        let check = |args: &str, want: &str| {
            let args = args.split(' ').map(str::to_owned).collect();
            assert_eq!(normalize(args, command).join(" "), want);
        };
        check("rcompose up --detach", "rcompose up --detach");
        check("rcompose --all=1 up --detach=true", "rcompose --all up --detach");
        check("rcompose up --detach --detach=false web", "rcompose up web");
        check("rcompose up --all=true", "rcompose up --all=true");
        check("rcompose up --scale=1 --detach=maybe", "rcompose up --scale=1 --detach=maybe");
        check("rcompose up -- --detach=true", "rcompose up -- --detach=true");
        check(
            "rcompose exec --detach=1 web x --detach=1",
            "rcompose exec --detach web x --detach=1",
        );
    }
}
