//! Which containers' files can be had here, without their engine.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::engine::{self, Engine, Inspected, quirks};
use crate::watch::root::{self, Root};

/// What is known of the containers of a watch.
#[derive(Debug)]
pub struct Reach {
    /// Whether everything is left to the engine.
    leaves_it: bool,
    known: RefCell<HashMap<String, Process>>,
}

/// The main process of a container, as it last was.
#[derive(Debug, Clone, Copy)]
struct Process {
    number: i64,
    owner: Owner,
    /// Whether its root can be had here.
    is_ours: bool,
}

/// Whom files belong to that are put into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The same as on this machine.
    Same,
    One(u32, u32),
    /// The engine must know.
    Unknown,
}

impl Reach {
    /// With `leaves_it`, no root is ever had.
    #[must_use]
    pub fn new(leaves_it: bool) -> Self {
        Self { leaves_it, known: RefCell::default() }
    }

    /// Whether there may be containers whose files can be had.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        !self.leaves_it && rustix::process::geteuid().is_root()
    }

    /// Forgets what was known of a container, which may be another process now.
    pub fn forget(&self, id: &str) {
        self.known.borrow_mut().remove(id);
    }

    /// The root of a container's files, and whom they are to belong to, if it runs here.
    ///
    /// # Errors
    /// What the engine says if it does not know the container, or is not there.
    pub async fn root(
        &self,
        engine: &Engine,
        id: &str,
    ) -> Result<Option<(Root, Owner)>, engine::Error> {
        if self.leaves_it {
            return Ok(None);
        }
        let known = self.known.borrow().get(id).copied();
        match known {
            Some(it) if !it.is_ours => return Ok(None),
            Some(it) => {
                if let Ok(root) = Root::of_container(it.number, id) {
                    return Ok(Some((root, it.owner)));
                }
            }
            None => {}
        }
        let container = engine.inspect(id).await?;
        let number = container.process;
        if number == 0 {
            self.forget(id);
            return Ok(None);
        }
        let root = Root::of_container(number, id).ok();
        let owner = owner(&container, engine);
        let process = Process { number, owner, is_ours: root.is_some() };
        self.known.borrow_mut().insert(id.to_owned(), process);
        Ok(root.map(|root| (root, owner)))
    }
}

/// As the engine does it, which gives all to the container's user, if there is one.
fn owner(container: &Inspected, engine: &Engine) -> Owner {
    if !root::shares_users(container.process) {
        return Owner::Unknown;
    }
    match &*container.user {
        "" if quirks::gives_to_superuser(engine.facts()) => Owner::One(0, 0),
        "" => Owner::Same,
        "0" | "root" | "0:0" | "root:root" => Owner::One(0, 0),
        user => match numbers(user).or_else(|| root::owner(container.process)) {
            Some((user, group)) => Owner::One(user, group),
            None => Owner::Unknown,
        },
    }
}

/// User and group, if both are written as numbers.
pub(super) fn numbers(user: &str) -> Option<(u32, u32)> {
    let (user, group) = user.split_once(':')?;
    Some((user.parse().ok()?, group.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_as_numbers() {
        assert_eq!(numbers("1000:1001"), Some((1000, 1001)));
        for user in ["1000", "node", "node:1000", "1000:node", "", ":"] {
            assert_eq!(numbers(user), None);
        }
    }
}
