//! Images that people know by name, and what follows from it.

use crate::reference::Reference;

/// What runs in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Keeps data that others ask for.
    Database,
    /// Passes messages on.
    Broker,
    /// Keeps copies.
    Cache,
    /// Shows and changes what a database holds.
    Admin,
}

impl Role {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Database => "a database",
            Self::Broker => "a message broker",
            Self::Cache => "a cache",
            Self::Admin => "a tool that administers a database",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Known {
    /// Paths of images; without a slash it is the last part of a path.
    pub(crate) names: &'static [&'static str],
    pub(crate) role: Role,
    /// Folders where it keeps its data.
    pub(crate) data: &'static [&'static str],
    /// A health check that shows whether it takes requests; empty if none is short enough.
    pub(crate) test: &'static str,
}

const fn known(
    role: Role,
    names: &'static [&'static str],
    data: &'static [&'static str],
    test: &'static str,
) -> Known {
    Known { names, role, data, test }
}

use Role::{Admin, Broker, Cache, Database};

static KNOWN: [Known; 24] = [
    known(
        Database,
        &[
            "postgres",
            "postgresql",
            "postgis",
            "pgvector",
            "timescaledb",
            "timescaledb-ha",
            "supabase/postgres",
        ],
        &["/var/lib/postgresql", "/bitnami/postgresql", "/home/postgres/pgdata"],
        "[CMD-SHELL, 'pg_isready -h 127.0.0.1']",
    ),
    known(
        Database,
        &["mysql", "mysql-server", "percona", "percona-server"],
        &["/var/lib/mysql", "/bitnami/mysql"],
        "[CMD, mysqladmin, ping, -h, 127.0.0.1]",
    ),
    known(
        Database,
        &["mariadb", "mariadb-galera"],
        &["/var/lib/mysql", "/bitnami/mariadb"],
        "[CMD, healthcheck.sh, --connect, --innodb_initialized]",
    ),
    known(
        Database,
        &["mongo", "mongodb", "mongodb-community-server"],
        &["/data/db", "/bitnami/mongodb"],
        "[CMD, mongosh, --quiet, --eval, 'db.runCommand(\"ping\").ok']",
    ),
    known(Database, &["mssql/server", "azure-sql-edge"], &["/var/opt/mssql"], ""),
    known(
        Database,
        &["gvenzl/oracle-free", "gvenzl/oracle-xe"],
        &["/opt/oracle/oradata"],
        "[CMD, healthcheck.sh]",
    ),
    known(Database, &["cassandra", "scylla"], &["/var/lib/cassandra", "/var/lib/scylla"], ""),
    known(
        Database,
        &["clickhouse", "clickhouse-server"],
        &["/var/lib/clickhouse"],
        "[CMD, clickhouse-client, --query, 'SELECT 1']",
    ),
    known(Database, &["couchdb"], &["/opt/couchdb/data"], ""),
    known(Database, &["neo4j"], &["/data"], ""),
    known(
        Database,
        &["influxdb"],
        &["/var/lib/influxdb", "/var/lib/influxdb2"],
        "[CMD, influx, ping]",
    ),
    known(Database, &["cockroach"], &["/cockroach/cockroach-data"], ""),
    known(
        Database,
        &["elasticsearch", "opensearch"],
        &["/usr/share/elasticsearch/data", "/usr/share/opensearch/data"],
        "",
    ),
    known(Database, &["etcd"], &["/etcd-data", "/bitnami/etcd"], ""),
    known(
        Cache,
        &["redis", "redis-stack", "redis-stack-server", "valkey", "keydb"],
        &["/data", "/bitnami/redis"],
        "[CMD, redis-cli, ping]",
    ),
    known(Cache, &["memcached"], &[], ""),
    known(
        Broker,
        &["rabbitmq"],
        &["/var/lib/rabbitmq", "/bitnami/rabbitmq"],
        "[CMD, rabbitmq-diagnostics, -q, ping]",
    ),
    known(
        Broker,
        &["kafka", "cp-kafka", "redpanda"],
        &["/var/lib/kafka", "/bitnami/kafka", "/var/lib/redpanda"],
        "",
    ),
    known(Broker, &["zookeeper", "cp-zookeeper"], &["/data", "/var/lib/zookeeper"], ""),
    known(Broker, &["pulsar"], &["/pulsar/data"], ""),
    known(Broker, &["activemq", "activemq-artemis", "activemq-classic"], &[], ""),
    known(Admin, &["adminer", "phpmyadmin", "pgadmin4", "pgweb", "cloudbeaver"], &[], ""),
    known(Admin, &["mongo-express"], &[], ""),
    known(Admin, &["redis-commander", "redisinsight"], &[], ""),
];

/// The name of an image without its registry and the folder of official images.
pub(crate) fn path(reference: &Reference) -> &str {
    let path = reference.repository.as_str();
    path.strip_prefix("library/").unwrap_or(path)
}

/// What is known of an image.
pub(crate) fn find(reference: &Reference) -> Option<&'static Known> {
    let path = path(reference);
    let last = path.rsplit('/').next().unwrap_or(path);
    KNOWN.iter().find(|known| {
        known
            .names
            .iter()
            .any(|name| if name.contains('/') { *name == path } else { *name == last })
    })
}

/// Whether the program of an image gives root up by itself, or never has it.
pub(crate) fn steps_down(reference: &Reference) -> bool {
    const NAMES: [&str; 8] =
        ["nginx", "nginx-unprivileged", "httpd", "caddy", "traefik", "haproxy", "solr", "jenkins"];
    const TAGS: [&str; 2] = ["nonroot", "rootless"];
    let path = path(reference);
    let last = path.rsplit('/').next().unwrap_or(path);
    find(reference).is_some()
        || NAMES.contains(&last)
        || path.starts_with("bitnami/")
        || path.starts_with("chainguard/")
        || reference.tag.as_ref().is_some_and(|tag| TAGS.iter().any(|word| tag.contains(word)))
}
