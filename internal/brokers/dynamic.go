package brokers

import (
	"slices"
	"strings"
)

// Scope says how a broker's setting can be changed.
type Scope string

// The scopes.
const (
	ReadOnly     Scope = "read-only"    // by a restart
	PerBroker    Scope = "per-broker"   // on a running broker, for that broker only
	WholeCluster Scope = "cluster-wide" // on running brokers, for one or for all
)

// The names are those that Apache Kafka 4.3.1 lets be changed: its brokers answer DescribeConfigs with what is not
// read-only, and refuse at cluster level what is per broker (KIP-226). A test asks them again. An older version refuses
// what it does not have. The settings of replication quotas are dynamic only, so that brokers do not list them (KIP-73).
const (
	clusterWideNames = `
	background.threads compression.gzip.level compression.lz4.level compression.type compression.zstd.level
	config.providers follower.fetch.last.tiered.offset.enable follower.replication.throttled.rate
	group.consumer.assignment.interval.ms group.coordinator.cached.buffer.max.bytes
	group.share.assignment.interval.ms group.streams.assignment.interval.ms leader.replication.throttled.rate
	log.cleaner.backoff.ms log.cleaner.dedupe.buffer.size log.cleaner.delete.retention.ms
	log.cleaner.io.buffer.load.factor log.cleaner.io.buffer.size log.cleaner.io.max.bytes.per.second
	log.cleaner.max.compaction.lag.ms log.cleaner.min.cleanable.ratio log.cleaner.min.compaction.lag.ms
	log.cleaner.threads log.cleanup.policy log.flush.interval.messages log.flush.interval.ms
	log.index.interval.bytes log.index.size.max.bytes log.local.retention.bytes log.local.retention.ms
	log.message.timestamp.after.max.ms log.message.timestamp.before.max.ms log.message.timestamp.type
	log.preallocate log.retention.bytes log.retention.ms log.roll.jitter.ms log.roll.ms log.segment.bytes
	log.segment.delete.delay.ms max.connection.creation.rate max.connections max.connections.per.ip
	max.connections.per.ip.overrides message.max.bytes metric.reporters min.insync.replicas num.io.threads
	num.network.threads num.recovery.threads.per.data.dir num.replica.fetchers producer.id.expiration.ms
	remote.fetch.max.wait.ms remote.list.offsets.request.timeout.ms remote.log.index.file.cache.total.size.bytes
	remote.log.manager.copier.thread.pool.size remote.log.manager.copy.max.bytes.per.second
	remote.log.manager.expiration.thread.pool.size remote.log.manager.fetch.max.bytes.per.second
	remote.log.manager.follower.thread.pool.size remote.log.reader.threads
	replica.alter.log.dirs.io.max.bytes.per.second share.coordinator.cached.buffer.max.bytes
	transaction.partition.verification.enable unclean.leader.election.enable`
	perBrokerNames = `
	cordoned.log.dirs listener.security.protocol.map listeners principal.builder.class sasl.enabled.mechanisms
	sasl.jaas.config sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
	sasl.kerberos.principal.to.local.rules sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
	sasl.kerberos.ticket.renew.window.factor sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
	sasl.login.refresh.window.factor sasl.login.refresh.window.jitter sasl.mechanism.inter.broker.protocol
	ssl.cipher.suites ssl.client.auth ssl.enabled.protocols ssl.endpoint.identification.algorithm
	ssl.keymanager.algorithm ssl.protocol ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm`
	// Of one listener, behind its prefix, and in no other way.
	perListenerNames = `
	ssl.engine.factory.class ssl.key.password ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location
	ssl.keystore.password ssl.keystore.type ssl.truststore.certificates ssl.truststore.location
	ssl.truststore.password ssl.truststore.type`
	// Of one listener or of all, on all brokers.
	anyListenerNames = `max.connection.creation.rate max.connections num.network.threads`
)

var (
	scopes      = scopesOf(map[Scope]string{WholeCluster: clusterWideNames, PerBroker: perBrokerNames})
	perListener = strings.Fields(perListenerNames + " " + perBrokerNames)
	anyListener = strings.Fields(anyListenerNames)
)

func scopesOf(names map[Scope]string) map[string]Scope {
	scopes := map[string]Scope{}
	for scope, list := range names {
		for _, name := range strings.Fields(list) {
			scopes[name] = scope
		}
	}
	return scopes
}

// Dynamic returns how the setting of a name can be changed on Apache Kafka, listener.name.NAME.… included; one that is not
// known counts as read-only. Kafka may still refuse a value, such as three times as many threads at once. With eligible
// leader replicas (KIP-966) the controllers keep min.insync.replicas for all brokers from the beginning: it can be changed
// there, neither on one broker nor by a restart, and not be taken away.
func Dynamic(name string) Scope {
	if rest, ok := strings.CutPrefix(name, "listener.name."); ok {
		_, setting, _ := strings.Cut(rest, ".")
		switch {
		case slices.Contains(anyListener, setting):
			return WholeCluster
		case slices.Contains(perListener, setting) || strings.HasSuffix(setting, ".sasl.jaas.config"): // of one mechanism
			return PerBroker
		}
		return ReadOnly
	}
	if scope, ok := scopes[name]; ok {
		return scope
	}
	return ReadOnly
}
