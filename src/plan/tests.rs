//! Plans as text, from files and a few words about what is there.

use std::collections::BTreeMap;

use crate::compose::discover::Wanted;
use crate::compose::files::Files;
use crate::compose::{self, Steps};
use crate::env::Env;
use crate::labels;
use crate::names::Separator;
use crate::plan::{Known, Options, Recreate, Removal, converge, down, stop};
use crate::source::SourceMap;
use crate::state::desired::{Desired, Surroundings};
use crate::state::observed::{Container, HostPort, Image, Mount, Network, Observed, State, Volume};
use crate::state::platform::Platform;

pub(super) struct Scene {
    pub(super) model: compose::model::Model,
    pub(super) desired: Desired,
    pub(super) observed: Observed,
}

/// Loads `files` as project `p`, and reads `observed`: `networks`, `volumes` (all of the project are
/// there), `no IMAGE`, and containers as `SERVICE-NUMBER STATE WORD…`.
///
/// `image NAME`, `image NAME for PLATFORM` and `image NAME since TIME` are images that are there, as are
/// those of all services.
///
/// `changed NAME` is a network or volume that was made from other settings.
///
/// Words: `changed` (another config hash), `old-image`, `on-network`, `off-network`, `no-volumes`,
/// `unfinished` (has its temporary name), `port=NUMBER` (publishes it), `anonymous=TARGET`, `one-off`.
pub(super) fn scene(files: &str, observed: &str) -> Scene {
    let bytes = files.as_bytes().to_vec();
    let files = Files::Fixed(BTreeMap::from([("/p/compose.yaml".to_owned(), bytes)]));
    let env = Env::fixed("/p", [("KEY", "words")]);
    let wanted = Wanted { project_name: Some("p".to_owned()), ..Wanted::default() };
    let mut sources = SourceMap::default();
    let (model, _) =
        compose::load(&wanted, &[], &Steps::default(), &env, &files, &mut sources).unwrap();
    let around = Surroundings {
        separator: Separator::Hyphen,
        scale: BTreeMap::new(),
        read: &|path| Err(format!("there is no {path}")),
    };
    let (desired, _) = Desired::new(&model, &around).unwrap();
    let observed = observe(&desired, observed);
    Scene { model, desired, observed }
}

fn observe(desired: &Desired, text: &str) -> Observed {
    let mut observed = Observed::default();
    for service in &desired.services {
        let image = Image { id: format!("sha256:{}", service.image), ..Image::default() };
        observed.images.insert(service.image.clone(), Some(image));
    }
    for (index, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["changed", name] => {
                let networks = observed.networks.iter_mut().map(|it| (&it.name, &mut it.labels));
                let volumes = observed.volumes.iter_mut().map(|it| (&it.name, &mut it.labels));
                let (_, labels) = networks.chain(volumes).find(|(it, _)| *it == name).unwrap();
                labels.insert(labels::CONFIG_HASH.to_owned(), "other".to_owned());
            }
            ["networks"] => observed.networks = networks(desired),
            ["volumes"] => observed.volumes = volumes(desired),
            ["no", image] => {
                observed.images.insert(image.to_owned(), None);
            }
            ["image", image] => {
                observed.images.insert(image.to_owned(), Some(Image::default()));
            }
            ["image", image, "for", platform] => {
                let (os, architecture) = platform.split_once('/').unwrap();
                let platforms = vec![Platform::new(os, architecture, "")];
                let found = Image { platforms, ..Image::default() };
                observed.images.insert(image.to_owned(), Some(found));
            }
            ["image", image, "since", time] => {
                let found = Image { tagged: Some(time.parse().unwrap()), ..Image::default() };
                observed.images.insert(image.to_owned(), Some(found));
            }
            [name, state, ref words @ ..] => {
                observed.containers.push(container(desired, index, name, state, words));
            }
            _ => panic!("{line}"),
        }
    }
    observed
}

fn own(key: &str, of: &str, hash: &str) -> BTreeMap<String, String> {
    let text = str::to_owned;
    BTreeMap::from([
        (text(labels::PROJECT), text("p")),
        (text(key), text(of)),
        (text(labels::CONFIG_HASH), text(hash)),
    ])
}

fn networks(desired: &Desired) -> Vec<Network> {
    let network = |it: &crate::state::desired::DesiredNetwork| Network {
        id: format!("id-of-{}", it.name),
        name: it.name.clone(),
        labels: own(labels::NETWORK, &it.key, &it.hash),
    };
    desired.networks.iter().map(network).collect()
}

fn volumes(desired: &Desired) -> Vec<Volume> {
    let volume = |it: &crate::state::desired::DesiredVolume| Volume {
        name: it.name.clone(),
        labels: own(labels::VOLUME, &it.key, &it.hash),
    };
    desired.volumes.iter().map(volume).collect()
}

fn container(
    desired: &Desired,
    index: usize,
    name: &str,
    state: &str,
    words: &[&str],
) -> Container {
    let (service, number) = name.rsplit_once('-').unwrap();
    let wanted = desired.service(service);
    let has = |word: &str| words.contains(&word);
    let mut networks = Vec::new();
    let mut mounts = Vec::new();
    if let Some(wanted) = wanted {
        networks.clone_from(&wanted.networks);
        mounts.extend(wanted.volumes.iter().map(|volume| Mount {
            volume: Some(volume.clone()),
            target: format!("/{volume}"),
            read_only: false,
        }));
    }
    if has("on-network") {
        networks.push("p_default".to_owned());
    }
    if has("off-network") {
        networks.clear();
    }
    if has("no-volumes") {
        mounts.clear();
    }
    for word in words {
        if let Some(target) = word.strip_prefix("anonymous=") {
            mounts.push(Mount {
                volume: Some(format!("volume-of-{name}")),
                target: target.to_owned(),
                read_only: false,
            });
        }
    }
    let ports = words.iter().filter_map(|word| word.strip_prefix("port=")).map(|port| HostPort {
        address: String::new(),
        port: port.parse().unwrap(),
        protocol: "tcp".to_owned(),
    });
    let ports = ports.collect();
    let parents = |parent: &str| {
        let mut lines = desired.services.iter();
        lines.any(|it| it.name == parent).then(|| format!("id-of-{parent}-1"))
    };
    let hash = wanted.map_or(String::new(), |wanted| wanted.hash.resolve(&parents));
    let image = wanted.map_or(String::new(), |wanted| format!("sha256:{}", wanted.image));
    Container {
        id: format!("id-of-{name}"),
        name: if has("unfinished") {
            format!("{index:012x}_p-{name}")
        } else {
            format!("p-{name}")
        },
        service: service.to_owned(),
        number: number.parse().ok(),
        one_off: has("one-off"),
        state: State::parse(state),
        config_hash: if has("changed") { "other".to_owned() } else { hash },
        image: if has("old-image") { "sha256:old".to_owned() } else { image },
        networks,
        mounts,
        ports,
        depends_on: Vec::new(),
    }
}

#[track_caller]
pub(super) fn compare(got: &str, want: &str) {
    let trim = |text: &str| {
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines.join("\n")
    };
    let (got, want) = (trim(got), trim(want));
    assert!(got == want, "got:\n{got}\n\nwant:\n{want}");
}

#[track_caller]
pub(super) fn check_with(options: &Options, files: &str, observed: &str, want: &str) {
    let scene = scene(files, observed);
    let plan = converge(&scene.desired, &scene.observed, options).unwrap();
    let warnings: String =
        plan.warnings.iter().map(|it| format!("warning: {}\n", it.message)).collect();
    compare(&format!("{warnings}{plan}"), want);
}

#[track_caller]
pub(super) fn check(files: &str, observed: &str, want: &str) {
    check_with(&Options::default(), files, observed, want);
}

const TWO: &str = "services: {web: {image: i, depends_on: [db]}, db: {image: j}}";

#[test]
fn containers_are_made_beside_their_networks_where_engines_allow_it() {
    check_with(
        &Options { networks_at_start: true, ..Options::default() },
        TWO,
        "",
        "
        1. network p_default create (missing)
        2. container p-db-1 create as p-db-1 (missing)
        3. container p-web-1 create as p-web-1 (missing)
        4. container p-db-1 start (missing) after [2, 1]
        5. container p-web-1 start (missing) after [3, 1, 4]
        ",
    );
    // A replacement begins only when nothing is in its way, and what is not started needs no hurry.
    check_with(
        &Options { networks_at_start: true, no_start: true, ..Options::default() },
        "services: {web: {image: i}}",
        "",
        "
        1. network p_default create (missing)
        2. container p-web-1 create as p-web-1 (missing) after [1]
        ",
    );
}

#[test]
fn what_another_run_has_made_beside_its_networks_is_kept() {
    let options = Options { networks_at_start: true, ..Options::default() };
    let web = "services: {web: {image: i}}";
    check_with(
        &options,
        web,
        "web-1 created",
        "
        1. network p_default create (missing)
        2. container p-web-1 start (not running) after [1]
        ",
    );
    // One that has been on a network which is gone can be started no more.
    check_with(
        &options,
        web,
        "web-1 exited",
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
fn all_is_made_and_started_in_order() {
    check(
        "
services:
  web: {image: i, depends_on: {db: {condition: service_healthy}, init: {condition: service_completed_successfully}}}
  db: {image: j, volumes: ['data:/d']}
  init: {image: k, depends_on: [db]}
volumes: {data: }
",
        "",
        "
        1. network p_default create (missing)
        2. volume p_data create (missing)
        3. container p-db-1 create as p-db-1 (missing) after [1, 2]
        4. container p-init-1 create as p-init-1 (missing) after [1]
        5. container p-web-1 create as p-web-1 (missing) after [1]
        6. container p-db-1 start (missing) after [3]
        7. container p-init-1 start (missing) after [4, 6]
        8. container p-db-1 await healthy (needed by web) after [6]
        9. container p-init-1 await completed (needed by web) after [7]
        10. container p-web-1 start (missing) after [5, 8, 9]
        ",
    );
}

#[test]
fn what_runs_as_it_should_is_left_alone() {
    check(
        TWO,
        "networks\nweb-1 running\ndb-1 running",
        "
        -. container p-db-1 runs
        -. container p-web-1 runs
        ",
    );
}

#[test]
fn what_has_stopped_is_started_again() {
    check(
        TWO,
        "networks\nweb-1 exited\ndb-1 created",
        "
        1. container p-db-1 start (not running)
        2. container p-web-1 start (not running) after [1]
        ",
    );
}

#[test]
fn a_changed_service_is_replaced_alone() {
    check(
        TWO,
        "networks\nweb-1 running\ndb-1 running changed",
        "
        -. container p-web-1 runs
        1. container p-db-1 create as id-of-db-1_p-db-1 (configured differently)
        2. container p-db-1 stop (replaced by 1) after [1]
        3. container p-db-1 remove (replaced by 1) after [2]
        4. container p-db-1 rename to p-db-1 (replaced by 1) after [3]
        5. container p-db-1 start (configured differently) after [4]
        ",
    );
}

#[test]
fn each_reason_to_replace_is_named() {
    let reasons = [
        ("running old-image", "new image"),
        ("running off-network", "not on network p_default"),
        ("running no-volumes", "without volume p_data"),
    ];
    let files = "services: {a: {image: i, volumes: ['data:/d']}}\nvolumes: {data: }";
    for (words, cause) in reasons {
        let scene = scene(files, &format!("networks\nvolumes\na-1 {words}"));
        let plan = converge(&scene.desired, &scene.observed, &Options::default()).unwrap();
        assert_eq!(plan.steps[0].cause.to_string(), cause);
    }
    // A container that does not run is on no network in the list of some engines.
    check(
        files,
        "networks\nvolumes\na-1 exited off-network",
        "1. container p-a-1 start (not running)",
    );
}

#[test]
fn dependents_restart_with_what_is_replaced() {
    check(
        "services: {web: {image: i, depends_on: {db: {condition: service_started, restart: true}}}, db: {image: j}}",
        "networks\nweb-1 running\ndb-1 running changed",
        "
        1. container p-web-1 stop (restarts with db)
        2. container p-db-1 create as id-of-db-1_p-db-1 (configured differently)
        3. container p-db-1 stop (replaced by 2) after [2, 1?]
        4. container p-db-1 remove (replaced by 2) after [3]
        5. container p-db-1 rename to p-db-1 (replaced by 2) after [4]
        6. container p-db-1 start (configured differently) after [5]
        7. container p-web-1 start (restarts with db) after [1, 6]
        ",
    );
}

#[test]
fn who_shares_a_namespace_follows_its_container() {
    let files = "services: {side: {image: i, network_mode: 'service:web'}, web: {image: j}}";
    check(
        files,
        "networks\nside-1 running\nweb-1 running",
        "
        -. container p-web-1 runs
        -. container p-side-1 runs
        ",
    );
    check(
        files,
        "networks\nside-1 exited\nweb-1 exited changed",
        "
        1. container p-web-1 create as id-of-web-1_p-web-1 (configured differently)
        2. container p-web-1 remove (replaced by 1) after [1]
        3. container p-web-1 rename to p-web-1 (replaced by 1) after [2]
        4. container p-side-1 create as id-of-side-1_p-side-1 (shares with web, which is replaced) after [1]
        5. container p-side-1 remove (replaced by 4) after [4]
        6. container p-side-1 rename to p-side-1 (replaced by 4) after [5]
        7. container p-web-1 start (configured differently) after [3]
        8. container p-side-1 start (shares with web, which is replaced) after [6, 7]
        ",
    );
}

#[test]
fn scaling_keeps_the_lowest_numbers_that_are_as_they_should_be() {
    check(
        "services: {a: {image: i, scale: 3}}",
        "networks\na-2 running\na-5 running",
        "
        -. container p-a-2 runs
        -. container p-a-5 runs
        1. container p-a-6 create as p-a-6 (missing)
        2. container p-a-6 start (missing) after [1]
        ",
    );
    check(
        "services: {a: {image: i, scale: 1}}",
        "networks\na-1 running changed\na-2 running\na-3 exited",
        "
        -. container p-a-2 runs
        1. container p-a-3 remove (too many)
        2. container p-a-1 stop (too many)
        3. container p-a-1 remove (too many) after [2?]
        ",
    );
}

#[test]
fn a_broken_off_replacement_is_repaired() {
    // The old container still exists, and may have been told to stop: the new one takes its place.
    check(
        "services: {a: {image: i}}",
        "networks\na-1 running\na-1 created unfinished",
        "
        1. container p-a-1 stop (left by a broken-off replacement)
        2. container p-a-1 remove (left by a broken-off replacement) after [1?]
        3. container p-a-1 rename to p-a-1 (left by a broken-off replacement) after [2]
        4. container p-a-1 start (not running) after [3]
        ",
    );
    // The new one is not what is wanted any more.
    check(
        "services: {a: {image: i}}",
        "networks\na-1 running\na-1 created unfinished changed",
        "
        -. container p-a-1 runs
        1. container 000000000002_p-a-1 remove (left by a broken-off replacement)
        ",
    );
    // The old one is gone: the new one takes its name.
    check(
        "services: {a: {image: i}}",
        "networks\na-1 created unfinished",
        "
        1. container p-a-1 rename to p-a-1 (left by a broken-off replacement)
        2. container p-a-1 start (not running) after [1]
        ",
    );
}

#[test]
fn orphans_are_named_or_removed() {
    let files = "services: {a: {image: i}, off: {image: i, profiles: [x]}}";
    let observed = "networks\na-1 running\nold-1 running\noff-1 running\na-9 exited one-off\na-8 running one-off";
    check(
        files,
        observed,
        "
        warning: found orphan containers (p-old-1, p-a-9) for this project
        -. container p-a-1 runs
        ",
    );
    check_with(
        &Options { remove_orphans: true, ..Options::default() },
        files,
        observed,
        "
        -. container p-a-1 runs
        1. container p-old-1 stop (orphan)
        2. container p-old-1 remove (orphan) after [1?]
        3. container p-a-9 remove (orphan)
        ",
    );
    check_with(
        &Options { ignore_orphans: true, ..Options::default() },
        files,
        observed,
        "-. container p-a-1 runs",
    );
}

#[test]
fn recreate_policies() {
    let forced = Options { recreate: Recreate::Always, no_start: true, ..Options::default() };
    let only_web = Options { targeted: Some(["web".to_owned()].into()), ..forced };
    check_with(
        &only_web,
        TWO,
        "networks\nweb-1 exited\ndb-1 running",
        "
        -. container p-db-1 runs
        1. container p-web-1 create as id-of-web-1_p-web-1 (asked for)
        2. container p-web-1 remove (replaced by 1) after [1]
        3. container p-web-1 rename to p-web-1 (replaced by 1) after [2]
        ",
    );
    check_with(
        &Options { recreate: Recreate::Never, ..Options::default() },
        TWO,
        "networks\nweb-1 running changed\ndb-1 running old-image",
        "
        -. container p-db-1 runs
        -. container p-web-1 runs
        ",
    );
}

#[test]
fn optional_dependencies_may_fail() {
    check(
        "services: {web: {image: i, depends_on: {db: {condition: service_healthy, required: false}}}, db: {image: j}}",
        "networks",
        "
        1. container p-db-1 create as p-db-1 (missing)
        2. container p-web-1 create as p-web-1 (missing)
        3. container p-db-1 start (missing) after [1]
        4. container p-db-1 await healthy (needed by web) after [3] optional
        5. container p-web-1 start (missing) after [2, 4?]
        ",
    );
}

#[test]
fn output_is_attached_to_before_the_start() {
    let attach =
        Options { attach: ["db".to_owned(), "web".to_owned()].into(), ..Options::default() };
    check_with(
        &attach,
        TWO,
        "networks\ndb-1 running",
        "
        -. container p-db-1 runs
        1. container p-web-1 create as p-web-1 (missing)
        2. container p-db-1 attach (shown) optional
        3. container p-web-1 attach (shown) after [1] optional
        4. container p-web-1 start (missing) after [1, 3?]
        ",
    );
}

#[test]
fn ranges_of_ports_start_one_by_one() {
    check(
        "services: {a: {image: i, scale: 2, ports: ['8000-8001:80']}}",
        "networks",
        "
        1. container p-a-1 create as p-a-1 (missing)
        2. container p-a-2 create as p-a-2 (missing)
        3. container p-a-1 start (missing) after [1]
        4. container p-a-2 start (missing) after [2, 3?]
        ",
    );
}

#[test]
fn anonymous_volumes_move_to_the_new_container() {
    let files = "services: {a: {image: i, volumes: [/own, 'data:/named']}}\nvolumes: {data: }";
    let observed =
        "networks\nvolumes\na-1 exited changed anonymous=/own anonymous=/image anonymous=/named";
    let mut scene = scene(files, observed);
    let image = scene.observed.images.get_mut("i").unwrap().as_mut().unwrap();
    image.volumes = ["/image".to_owned(), "/named".to_owned()].into();
    let inherited = |options: &Options| -> Vec<String> {
        let plan = converge(&scene.desired, &scene.observed, options).unwrap();
        let crate::plan::Action::Create { spec, .. } = &plan.steps[0].action else {
            panic!("{plan}")
        };
        let mounts = spec.body.host_config.iter().flat_map(|host| host.mounts.iter().flatten());
        let with_source = mounts.filter(|mount| mount.source.is_some());
        with_source.map(|mount| mount.target.clone().unwrap()).collect()
    };
    assert_eq!(inherited(&Options::default()), ["/own", "/image"]);
    assert!(inherited(&Options { renew_volumes: true, ..Options::default() }).is_empty());
}

#[test]
fn what_is_external_must_be_there() {
    let files = "
services: {a: {image: i, networks: [n], volumes: ['vol:/v']}}
networks: {n: {external: true}}
volumes: {vol: {external: true}}
";
    let missing = scene(files, "");
    let problems = converge(&missing.desired, &missing.observed, &Options::default()).unwrap_err();
    let messages: Vec<&str> = problems.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "network `n` is declared as external, but could not be found",
            "external volume `vol` not found"
        ]
    );
    assert!(problems.iter().all(|it| !it.span.is_nowhere()));
    check(
        files,
        "networks\nvolumes",
        "
        1. container p-a-1 create as p-a-1 (missing)
        2. container p-a-1 start (missing) after [1]
        ",
    );
}

#[test]
fn foreign_resources_are_kept() {
    let files = "services: {a: {image: i, volumes: ['vol:/v']}}\nvolumes: {vol: }";
    let mut scene = scene(files, "networks\nvolumes\na-1 running");
    let labels = &mut scene.observed.networks[0].labels;
    labels.insert(labels::CONFIG_HASH.to_owned(), "x".to_owned());
    labels.insert(labels::PROJECT.to_owned(), "q".to_owned());
    scene.observed.volumes[0].labels.clear();
    let plan = converge(&scene.desired, &scene.observed, &Options::default()).unwrap();
    assert!(plan.is_empty());
    let messages: Vec<&str> = plan.warnings.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "network `p_default` belongs to the project `q`; it is used as it is",
            "volume `p_vol` was not made by Compose; it is used as it is"
        ]
    );
}

#[track_caller]
fn check_down(wanted: &Removal, files: &str, observed: &str, want: &str) {
    let scene = scene(files, observed);
    let plan = down("p", &Known::of_model(&scene.model), &scene.observed, wanted);
    compare(&plan.to_string(), want);
}

#[test]
fn down_removes_dependents_first_and_keeps_data() {
    let files = "services: {web: {image: i, depends_on: [db]}, db: {image: j, volumes: ['vol:/v']}, off: {image: i, profiles: [x]}}\nvolumes: {vol: }";
    let observed = "networks\nvolumes\ndb-1 running\nweb-1 running\nweb-2 exited\noff-1 running\nold-1 running\nweb-7 running one-off";
    check_down(
        &Removal::default(),
        files,
        observed,
        "
        1. container p-web-1 stop (asked for)
        2. container p-web-1 remove (asked for) after [1?]
        3. container p-web-2 remove (asked for)
        4. container p-db-1 stop (asked for) after [2?, 3?]
        5. container p-db-1 remove (asked for) after [4?]
        6. network p_default remove (asked for) after [2?, 3?, 5?]
        ",
    );
    check_down(
        &Removal { orphans: true, volumes: true, ..Removal::default() },
        files,
        observed,
        "
        1. container p-web-1 stop (asked for)
        2. container p-web-1 remove with anonymous volumes (asked for) after [1?]
        3. container p-web-2 remove with anonymous volumes (asked for)
        4. container p-web-7 stop (asked for)
        5. container p-web-7 remove with anonymous volumes (asked for) after [4?]
        6. container p-db-1 stop (asked for) after [2?, 3?, 5?]
        7. container p-db-1 remove with anonymous volumes (asked for) after [6?]
        8. container p-old-1 stop (orphan)
        9. container p-old-1 remove (orphan) after [8?]
        10. network p_default remove (asked for) after [2?, 3?, 5?, 7?]
        11. volume p_vol remove (asked for) after [7?]
        ",
    );
}

#[test]
fn down_by_name_alone_goes_by_labels() {
    let scene = scene(TWO, "networks\nweb-1 running\ndb-1 exited");
    let mut observed = scene.observed;
    let dependency = labels::Dependency {
        service: "db".to_owned(),
        condition: "service_started".to_owned(),
        restart: false,
    };
    observed.containers[0].depends_on.push(dependency);
    let plan = down("p", &Known::of_labels("p", &observed), &observed, &Removal::default());
    compare(
        &plan.to_string(),
        "
        1. container p-web-1 stop (asked for)
        2. container p-web-1 remove (asked for) after [1?]
        3. container p-db-1 remove (asked for) after [2?]
        4. network p_default remove (asked for) after [2?, 3?]
        ",
    );
}

#[test]
fn stop_leaves_containers() {
    let scene = scene(TWO, "networks\nweb-1 running\ndb-1 running");
    let known = Known::of_model(&scene.model);
    let plan = stop(&known, &scene.observed, &[].into(), None);
    compare(
        &plan.to_string(),
        "
        1. container p-web-1 stop (asked for)
        2. container p-db-1 stop (asked for) after [1?]
        ",
    );
}
