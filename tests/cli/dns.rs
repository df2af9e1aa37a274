//! `dns` as far as it needs no engine: what is refused, and how a system is told to ask us.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

const COMPOSE: &str = "services: {web: {image: busybox}}";

#[test]
fn what_cannot_be_answered_is_refused() {
    let sandbox = Sandbox::with(COMPOSE);
    let failed = |args: &[&str]| sandbox.run(&[&["dns", "serve"], args].concat()).failed();
    assert_snapshot!(failed(&["--suffix", "shop.local"]), @"
    error: names cannot end in `shop.local`: `.local` is for machines that tell their own names, so that systems ask all neighbours for it, and no server
     |
     = help: use another ending, such as `test`, which nobody else may have
    ");
    assert_snapshot!(failed(&["--suffix", "a b"]), @"
    error: names cannot end in `a b`: a part of a name has 1 to 63 letters, digits, hyphens or underscores
     |
     = help: use another ending, such as `test`, which nobody else may have
    ");
    assert_snapshot!(failed(&["--listen", "here"]), @"
    error: `here` is no address to listen on
     |
     = help: use an address and a port, such as 127.0.0.1:5300, or a port alone
    ");
    let elsewhere = failed(&["--listen", "192.0.2.1:5300"]);
    assert!(elsewhere.contains("cannot listen on 192.0.2.1:5300 (TCP): "), "{elsewhere}");
    assert!(elsewhere.contains("help: name an address of this machine"), "{elsewhere}");
    let detached = sandbox.run(&["up", "-d", "--dns"]).failed();
    assert_snapshot!(detached, @"
    error: names are answered with `--dns` for as long as `up` stays with the containers
     |
     = help: run `rcompose dns serve` beside it, which answers for all projects
    ");
    for flag in ["--wait", "--no-start"] {
        assert_eq!(sandbox.run(&["up", flag, "--dns"]).failed(), detached);
    }
    let local = sandbox.run(&["up", "--dns", "--dns-suffix", "local"]).failed();
    assert!(local.contains("`.local` is for machines"), "{local}");
    let lone = sandbox.run(&["up", "--dns-suffix", "dev"]).failed();
    assert!(lone.contains("--dns"), "{lone}");
    let dry = sandbox.run(&["--dry-run", "-p", "shop", "dns", "serve", "--listen", "5301"]).quiet();
    assert_eq!(dry, "would answer names of project shop below `test` at 127.0.0.1:5301\n");
}

/// Who has a port is told, for both kinds of sockets, before an engine is looked for.
#[test]
fn a_port_that_is_taken() {
    let sandbox = Sandbox::with(COMPOSE);
    let own = std::process::id();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    let message = sandbox.run(&["dns", "serve", "--listen", &address]).failed();
    assert!(message.contains(&format!("cannot listen on {address} (TCP): ")), "{message}");
    assert!(message.contains(&format!("(process {own}) does")), "{message}");
    assert!(message.contains("help: end that, or name another address and port"), "{message}");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap().to_string();
    for args in [&["dns", "serve", "--listen", &address][..], &["up", &format!("--dns={address}")]]
    {
        let message = sandbox.run(args).failed();
        assert!(message.contains(&format!("cannot listen on {address} (UDP): ")), "{message}");
        assert!(message.contains(&format!("(process {own}) does")), "{message}");
    }
}

/// A system of which only the files are there: with systemd-resolved of a release, or macOS.
fn system(release: Option<u32>) -> Sandbox {
    let sandbox = Sandbox::new();
    match release {
        Some(release) => sandbox
            .file("root/usr/lib/systemd/systemd-resolved", "")
            .file(&format!("root/usr/lib/systemd/libsystemd-shared-{release}.so"), "")
            .file("root/run/systemd/resolve/stub-resolv.conf", "")
            .file("root/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.53\n")
            .file("root/etc/resolv.conf", "nameserver 127.0.0.53\n"),
        None => sandbox.file("root/System/Library/CoreServices/SystemVersion.plist", ""),
    }
}

/// All files and folders below a folder, files with what is in them.
fn tree(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push(path.display().to_string());
            all.extend(tree(&path));
        } else {
            all.push(format!("{}: {}", path.display(), fs::read_to_string(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn a_system_is_told_to_ask_us_and_no_longer() {
    for (release, file) in [
        (Some(258), "root/etc/systemd/dns-delegate.d/rcompose-test.dns-delegate"),
        (Some(255), "root/etc/systemd/resolved.conf.d/rcompose-test.conf"),
        (None, "root/etc/resolver/test"),
    ] {
        let sandbox = system(release);
        // The folder of its file is not there, but the one above is.
        fs::create_dir_all(sandbox.path().join("root/etc/systemd")).unwrap();
        fs::create_dir_all(sandbox.path().join("root/etc")).unwrap();
        let before = tree(sandbox.path());
        let run = |args: &[&str]| sandbox.run(&[args, &["--root", "root"]].concat());
        let plan = run(&["--dry-run", "dns", "install"]).quiet();
        assert!(plan.starts_with("write /etc/"), "{plan}");
        assert_eq!(tree(sandbox.path()), before);
        let done = run(&["dns", "install"]).quiet();
        let rest = "names below `test` are asked at 127.0.0.1:5300 from now on: run `rcompose dns serve`\n";
        assert_eq!(done, format!("{plan}{rest}"));
        let text = sandbox.read(file);
        assert!(text.starts_with("# Made by `rcompose dns install`"), "{text}");
        let again = run(&["dns", "install"]).quiet();
        assert_eq!(again, "names below `test` are asked at 127.0.0.1:5300 already\n");
        // Nobody answers there, which is what is told.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        run(&["dns", "install", "--listen", &free]).quiet();
        assert!(sandbox.read(file).contains(free.rsplit(':').next().unwrap()));
        let status = run(&["dns", "status"]);
        assert_eq!(status.code, Some(1), "{status}");
        assert!(status.stdout.contains(&format!("sends names below `test` to {free}")), "{status}");
        assert!(status.stdout.contains("not answered: no answer"), "{status}");
        let gone = run(&["dns", "uninstall"]).quiet();
        assert!(gone.starts_with("remove /etc/"), "{gone}");
        assert_eq!(tree(sandbox.path()), before, "{release:?}");
        assert_eq!(run(&["dns", "uninstall"]).quiet(), "nothing is installed for `test`\n");
        let status = run(&["dns", "status"]);
        let want = "not installed: nobody is asked for names below `test`\n";
        assert_eq!((status.code, status.stdout.as_str()), (Some(1), want));
    }
}

#[test]
fn files_of_others_stay() {
    let sandbox = system(None).file("root/etc/resolver/test", "nameserver 192.0.2.1\n");
    for command in ["install", "uninstall"] {
        let message = sandbox.run(&["dns", command, "--root", "root"]).failed();
        let want = "error: `/etc/resolver/test` is there, and was not made by rcompose";
        assert!(message.starts_with(want), "{message}");
    }
    assert_eq!(sandbox.read("root/etc/resolver/test"), "nameserver 192.0.2.1\n");
    // What somebody else has put beside ours keeps the folder.
    let sandbox = system(Some(258));
    sandbox.run(&["dns", "install", "--root", "root"]).quiet();
    let sandbox =
        sandbox.file("root/etc/systemd/dns-delegate.d/other.dns-delegate", "[Delegate]\n");
    sandbox.run(&["dns", "uninstall", "--root", "root"]).quiet();
    assert_eq!(sandbox.read("root/etc/systemd/dns-delegate.d/other.dns-delegate"), "[Delegate]\n");
}

#[test]
fn systems_that_cannot_be_told() {
    let install = |sandbox: &Sandbox| sandbox.run(&["dns", "install", "--root", "root"]).failed();
    assert_snapshot!(install(&Sandbox::new()), @"
    error: this system cannot be told to ask us: it has neither systemd-resolved nor the resolver files of macOS
     |
     = help: let another resolver ask 127.0.0.1 at port 5300 for `test`, such as dnsmasq with `server=/test/127.0.0.1#5300`, or do without names: `rcompose dns env` prints addresses and ports
    ");
    let old = install(&system(Some(245)));
    assert!(old.contains("systemd-resolved of release 245 takes no ports"), "{old}");
    let other =
        system(Some(255)).file("root/etc/systemd/resolved.conf", "[Resolve]\nDNS=192.0.2.1\n");
    let message = install(&other);
    assert!(
        message.contains("other global servers, named by /etc/systemd/resolved.conf"),
        "{message}"
    );
    assert!(!other.path().join("root/etc/systemd/resolved.conf.d").exists());
    let unlinked = system(Some(255)).file("root/run/systemd/resolve/resolv.conf", "# none\n");
    assert!(install(&unlinked).contains("no link has a server of names"));
    let unasked = system(Some(258)).file("root/etc/resolv.conf", "nameserver 192.0.2.53\n");
    let output = unasked.run(&["dns", "install", "--root", "root"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(
        output.stderr.starts_with("warning: programs do not ask systemd-resolved here"),
        "{output}"
    );
    let sandbox = system(Some(258));
    let message = sandbox.run(&["dns", "install", "--root", "root", "--listen", "0"]).failed();
    assert!(message.contains("port 0 stands for any that is free"), "{message}");
}
