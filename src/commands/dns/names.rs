//! The names of what runs, as it comes and goes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use crate::commands::dns::reach::{Look, reach};
use crate::commands::exit::Error;
use crate::dns::members::Reach;
use crate::dns::suffix::Suffix;
use crate::dns::zone::Zone;
use crate::engine::{self, Engine, Events};
use crate::event::{Event, Status};

/// After a change it is looked once more, as engines may tell of it before it can be seen.
const SETTLES: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(300)];

/// How long an engine that has gone is left alone: more and more.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// Looks at an engine for as long as it is wanted, and tells what names there are then.
pub(in crate::commands) struct Names<'a> {
    engine: &'a Engine,
    look: Look<'a>,
    suffix: Suffix,
    news: UnboundedSender<News>,
    /// The last that was told.
    last: Option<Zone>,
}

/// What is told.
pub(super) enum News {
    /// The names from now on.
    Zone(Zone),
    /// Something to show.
    Event(Event),
}

impl<'a> Names<'a> {
    /// Those of one project, or of all.
    ///
    /// # Errors
    /// Those of the engine.
    pub(super) async fn new(
        engine: &'a Engine,
        project: Option<String>,
        suffix: Suffix,
        news: UnboundedSender<News>,
    ) -> Result<Self, Error> {
        let look = Look::new(engine, reach(engine).await?, project);
        if let Reach::Ports { why, at } = look.reach() {
            let text = format!("names lead to published ports at {at}: {why}");
            let _ = news.send(News::Event(Event::Warning(text)));
        }
        Ok(Self { engine, look, suffix, news, last: None })
    }

    /// Never ends: an engine that goes away may come back, and until then the names stay as they are.
    pub(super) async fn follow(mut self) -> Infallible {
        let mut failures: usize = 0;
        loop {
            let (is_back, Err(error)) = self.listen(failures > 0).await;
            if is_back {
                failures = 0;
            }
            if failures == 0 {
                let text = format!("the engine has gone, and names stay as they are: {error}");
                self.tell(Event::Warning(text));
            }
            let pause = PAUSES.get(failures).or(PAUSES.last()).copied().unwrap_or_default();
            failures += 1;
            sleep(pause).await;
        }
    }

    /// Follows until the engine goes; tells whether it was there at all.
    async fn listen(&mut self, was_gone: bool) -> (bool, Result<Infallible, engine::Error>) {
        // What happens while we look is told after that.
        let begun = async {
            let events = self.engine.changes().await?;
            self.look().await?;
            Ok(events)
        };
        let events = match begun.await {
            Ok(events) => events,
            Err(error) => return (false, Err(error)),
        };
        if was_gone {
            self.tell(Event::Warning("the engine is back".to_owned()));
        }
        (true, self.attend(events).await)
    }

    async fn attend(&mut self, mut events: Events) -> Result<Infallible, engine::Error> {
        let ended = || engine::Error::Answer("the stream of events has ended".to_owned());
        let mut settling: Vec<Instant> = Vec::new();
        loop {
            let next = settling.first().copied();
            let settles = async {
                match next {
                    Some(moment) => sleep_until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => {
                    event?.ok_or_else(ended)?;
                    // Many that come at once are one change.
                    while let Some(event) = events.next().now_or_never() {
                        event?.ok_or_else(ended)?;
                    }
                    let now = Instant::now();
                    settling = SETTLES.iter().map(|pause| now + *pause).collect();
                }
                () = settles => drop(settling.remove(0)),
            }
            self.look().await?;
        }
    }

    /// Looks at what there is, and tells what is new.
    async fn look(&mut self) -> Result<(), engine::Error> {
        let zone = Zone::new(self.suffix.clone(), &self.look.members().await?);
        if self.last.as_ref() == Some(&zone) {
            return Ok(());
        }
        let told = changes(self.last.as_ref(), &zone);
        // Nobody listens any more when the server has ended.
        let _ = self.news.send(News::Zone(zone.clone()));
        for event in told {
            self.tell(event);
        }
        self.last = Some(zone);
        Ok(())
    }

    fn tell(&self, event: Event) {
        let _ = self.news.send(News::Event(event));
    }
}

/// What people are told when names change.
fn changes(old: Option<&Zone>, new: &Zone) -> Vec<Event> {
    let named = |zone: &Zone| -> BTreeMap<String, (bool, String)> {
        let services = zone.services();
        services.map(|(name, entry)| (name, (entry.addresses.is_empty(), entry.told()))).collect()
    };
    let (before, now) = (old.map(named).unwrap_or_default(), named(new));
    let mut events = Vec::new();
    for (name, (is_lost, text)) in &now {
        if before.get(name).is_none_or(|(_, old)| old != text) {
            let status = if *is_lost { Status::Warning } else { Status::Done };
            events.push(Event::Name { name: name.clone(), status, text: text.clone() });
        }
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        let text = "is gone".to_owned();
        events.push(Event::Name { name: name.clone(), status: Status::Done, text });
    }
    let known = old.map_or(&[][..], Zone::nameless);
    for service in new.nameless().iter().filter(|it| !known.contains(it)) {
        let text = format!("service {service} has no name: it has parts that no name can have");
        events.push(Event::Warning(text));
    }
    events
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::dns::members::Member;

    fn zone(services: &[(&str, u8)]) -> Zone {
        let members: Vec<Member> = services
            .iter()
            .map(|(service, last)| Member {
                project: "shop".to_owned(),
                service: (*service).to_owned(),
                number: Some(1),
                addresses: vec![Ipv4Addr::new(10, 0, 0, *last)],
                by_port: false,
                ports: Vec::new(),
                note: None,
            })
            .collect();
        Zone::new(Suffix::parse("test").unwrap(), &members)
    }

    #[test]
    fn what_changes_is_told() {
        let told = |old: Option<&Zone>, new: &Zone| -> Vec<String> {
            let line = |event: &Event| match event {
                Event::Name { name, text, .. } => format!("{name} {text}"),
                other => format!("{other:?}"),
            };
            changes(old, new).iter().map(line).collect()
        };
        let first = zone(&[("web", 1), ("db", 2)]);
        assert_eq!(told(None, &first), ["db.shop.test 10.0.0.2", "web.shop.test 10.0.0.1"]);
        let second = zone(&[("web", 3), ("a..b", 2)]);
        let lines = told(Some(&first), &second);
        assert_eq!(lines[..2], ["web.shop.test 10.0.0.3", "db.shop.test is gone"]);
        assert!(lines[2].contains("a..b of shop has no name"), "{lines:?}");
        assert!(told(Some(&second), &second).is_empty());
    }
}
