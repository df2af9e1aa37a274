//! What containers use of the machine.

use std::collections::BTreeMap;

use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::error::Error;
use crate::engine::observe::nullable;

/// What a container uses, at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Of one processor, in percent.
    pub cpu: f64,
    /// Bytes, without what could be given back at once.
    pub memory: f64,
    pub memory_limit: f64,
    /// Bytes received and sent.
    pub network: [f64; 2],
    /// Bytes read and written.
    pub blocks: [f64; 2],
    pub processes: u64,
}

/// A live stream of what one container uses.
pub struct StatsStream {
    body: Incoming,
    buffer: Vec<u8>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default, deserialize_with = "nullable")]
    cpu_stats: Cpu,
    #[serde(default, deserialize_with = "nullable")]
    precpu_stats: Cpu,
    #[serde(default, deserialize_with = "nullable")]
    memory_stats: Memory,
    #[serde(default, deserialize_with = "nullable")]
    networks: BTreeMap<String, Network>,
    #[serde(default, deserialize_with = "nullable")]
    blkio_stats: Blocks,
    #[serde(default, deserialize_with = "nullable")]
    pids_stats: Processes,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cpu {
    #[serde(rename = "cpu_usage", deserialize_with = "nullable")]
    usage: CpuUsage,
    #[serde(deserialize_with = "nullable")]
    system_cpu_usage: u64,
    #[serde(deserialize_with = "nullable")]
    online_cpus: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    total_usage: u64,
    #[serde(deserialize_with = "nullable")]
    percpu_usage: Vec<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Memory {
    #[serde(deserialize_with = "nullable")]
    usage: u64,
    #[serde(deserialize_with = "nullable")]
    limit: u64,
    #[serde(deserialize_with = "nullable")]
    stats: BTreeMap<String, u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    rx_bytes: u64,
    tx_bytes: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Blocks {
    #[serde(deserialize_with = "nullable")]
    io_service_bytes_recursive: Vec<Transfer>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Transfer {
    op: String,
    value: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Processes {
    #[serde(deserialize_with = "nullable")]
    current: u64,
}

#[expect(clippy::cast_precision_loss, reason = "what is shown has four digits")]
impl From<Answer> for Usage {
    fn from(answer: Answer) -> Self {
        let (cpu, before) = (&answer.cpu_stats, &answer.precpu_stats);
        let used = cpu.usage.total_usage as f64 - before.usage.total_usage as f64;
        let passed = cpu.system_cpu_usage as f64 - before.system_cpu_usage as f64;
        let cpus = match cpu.online_cpus {
            0 => cpu.usage.percpu_usage.len() as f64,
            count => f64::from(count),
        };
        let memory = &answer.memory_stats;
        // The first is the name of the older kind of control groups.
        let idle = ["total_inactive_file", "inactive_file"]
            .into_iter()
            .find_map(|name| memory.stats.get(name))
            .filter(|idle| **idle < memory.usage);
        let transferred = |letter: char| {
            let transfers = answer.blkio_stats.io_service_bytes_recursive.iter();
            let of_kind = transfers.filter(|it| it.op.to_lowercase().starts_with(letter));
            of_kind.fold(0.0, |sum, it| sum + it.value as f64)
        };
        let networks = answer.networks.values();
        Self {
            cpu: if used > 0.0 && passed > 0.0 { used / passed * cpus * 100.0 } else { 0.0 },
            memory: (memory.usage - idle.unwrap_or(&0)) as f64,
            memory_limit: memory.limit as f64,
            // An empty sum would be less than nothing.
            network: [
                networks.clone().fold(0.0, |sum, it| sum + it.rx_bytes as f64),
                networks.fold(0.0, |sum, it| sum + it.tx_bytes as f64),
            ],
            blocks: [transferred('r'), transferred('w')],
            processes: answer.pids_stats.current,
        }
    }
}

impl Engine {
    /// What a container uses, once or for as long as it is asked.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn stats(&self, id: &str, stream: bool) -> Result<StatsStream, Error> {
        let path = format!("/containers/{id}/stats?stream={stream}");
        let answer = self.transport.send(Method::GET, &path).await?;
        Ok(StatsStream { body: answer.into_body(), buffer: Vec::new() })
    }
}

impl StatsStream {
    /// Waits for more; `None` when the stream ends.
    ///
    /// Nothing is lost if this is dropped while it waits.
    ///
    /// # Errors
    /// A broken connection, or an answer that is none.
    pub async fn next(&mut self) -> Result<Option<Usage>, Error> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                if !line.trim_ascii().is_empty() {
                    return read(&line).map(Some);
                }
                continue;
            }
            match self.body.frame().await {
                // The last line may have no end.
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => return read(&std::mem::take(&mut self.buffer)).map(Some),
                Some(Err(error)) => return Err(Error::Answer(error.to_string())),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

fn read(line: &[u8]) -> Result<Usage, Error> {
    let answer: Answer =
        serde_json::from_slice(line).map_err(|error| Error::Answer(error.to_string()))?;
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_worked_out() {
        let text = r#"{
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 1000, "limit": 4000, "stats": {"inactive_file": 400}},
            "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 3, "tx_bytes": 4}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 5}, {"op": "write", "value": 6}]},
            "pids_stats": {"current": 7}
        }"#;
        let want = Usage {
            cpu: 40.0,
            memory: 600.0,
            memory_limit: 4000.0,
            network: [4.0, 6.0],
            blocks: [5.0, 6.0],
            processes: 7,
        };
        assert_eq!(read(text.as_bytes()).unwrap(), want);
        // A container that does not run has nothing.
        assert_eq!(read(br#"{"networks":null,"precpu_stats":{}}"#).unwrap(), Usage::default());
    }
}
