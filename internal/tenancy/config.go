package tenancy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// DefaultPartitions is how many partitions a topic gets whose creator names no number.
const DefaultPartitions = 6

// DefaultMessageBytes is max.message.bytes of a topic that sets none: the brokers' message.max.bytes. It is also
// the most of a tenant whose quotas do not say how large a message may be, those of an older mothership.
const DefaultMessageBytes = 8 << 20

// ConfigType is the type of a configuration's value, as DescribeConfigs version 3 and later tells it.
type ConfigType int8

// The types in use, with Kafka's numbers (KIP-569).
const (
	ConfigBoolean ConfigType = 1
	ConfigString  ConfigType = 2
	ConfigInt     ConfigType = 3
	ConfigLong    ConfigType = 5
	ConfigDouble  ConfigType = 6
	ConfigList    ConfigType = 7
)

// Config is one configuration that a tenant may see, and, unless it is ReadOnly, set.
type Config struct {
	Name     string
	Type     ConfigType
	ReadOnly bool
	// Min and Max bound a number, both inclusive.
	Min, Max int64
	// Values are what a string, or each element of a list, may be.
	Values []string
	// Replicas is true where the value counts replicas, and Message where it bounds a record batch: the maximum
	// then depends on the tenant.
	Replicas, Message bool
}

// Configs is a list of what a tenant may see of a kind of resource. What is not in it does not exist for the
// tenant: a broker may have configurations that speak of other tenants or of the platform
// (leader.replication.throttled.replicas), and the embedded engine stores any name at all.
type Configs []Config

// TopicConfigs are those of a topic. Names and bounds follow Confluent Cloud's, except that what bounds no shared
// resource is as wide as Kafka has it. LogAppendTime is absent because the embedded engine would not stamp the
// records.
var TopicConfigs = Configs{
	{Name: "cleanup.policy", Type: ConfigList, Values: []string{"delete", "compact"}},
	{Name: "compression.type", Type: ConfigString, Values: []string{"producer", "uncompressed", "gzip", "lz4", "snappy", "zstd"}},
	{Name: "delete.retention.ms", Type: ConfigLong, Min: 0, Max: math.MaxInt64},
	{Name: "max.compaction.lag.ms", Type: ConfigLong, Min: 6 * hour, Max: math.MaxInt64},
	{Name: "max.message.bytes", Type: ConfigInt, Min: 0, Max: DefaultMessageBytes, Message: true},
	{Name: "message.timestamp.after.max.ms", Type: ConfigLong, Min: 0, Max: math.MaxInt64},
	{Name: "message.timestamp.before.max.ms", Type: ConfigLong, Min: 0, Max: math.MaxInt64},
	{Name: "message.timestamp.difference.max.ms", Type: ConfigLong, Min: 0, Max: math.MaxInt64},
	{Name: "message.timestamp.type", Type: ConfigString, Values: []string{"CreateTime"}},
	{Name: "min.cleanable.dirty.ratio", Type: ConfigDouble, Min: 0, Max: 1},
	{Name: "min.compaction.lag.ms", Type: ConfigLong, Min: 0, Max: math.MaxInt64},
	{Name: "min.insync.replicas", Type: ConfigInt, Min: 1, Replicas: true},
	{Name: "retention.bytes", Type: ConfigLong, Min: -1, Max: math.MaxInt64},
	{Name: "retention.ms", Type: ConfigLong, Min: -1, Max: math.MaxInt64},
	{Name: "segment.bytes", Type: ConfigInt, Min: 50 << 20, Max: 1 << 30}, // each segment costs file descriptors
	{Name: "segment.ms", Type: ConfigLong, Min: 4 * hour, Max: math.MaxInt64},

	{Name: "file.delete.delay.ms", Type: ConfigLong, ReadOnly: true},
	{Name: "flush.messages", Type: ConfigLong, ReadOnly: true},
	{Name: "flush.ms", Type: ConfigLong, ReadOnly: true},
	{Name: "index.interval.bytes", Type: ConfigInt, ReadOnly: true},
	{Name: "preallocate", Type: ConfigBoolean, ReadOnly: true},
	{Name: "segment.index.bytes", Type: ConfigInt, ReadOnly: true},
	{Name: "segment.jitter.ms", Type: ConfigLong, ReadOnly: true},
	{Name: "unclean.leader.election.enable", Type: ConfigBoolean, ReadOnly: true},
}

// GroupConfigs are those of a consumer group (KIP-848) and of a share group (KIP-932), with the broker's default
// bounds (group.{consumer,share}.{min,max}.…).
var GroupConfigs = Configs{
	{Name: "consumer.heartbeat.interval.ms", Type: ConfigInt, Min: 5_000, Max: 15_000},
	{Name: "consumer.session.timeout.ms", Type: ConfigInt, Min: 45_000, Max: 60_000},
	{Name: "share.auto.offset.reset", Type: ConfigString, Values: []string{"earliest", "latest"}},
	{Name: "share.heartbeat.interval.ms", Type: ConfigInt, Min: 5_000, Max: 15_000},
	{Name: "share.isolation.level", Type: ConfigString, Values: []string{"read_committed", "read_uncommitted"}},
	{Name: "share.record.lock.duration.ms", Type: ConfigInt, Min: 15_000, Max: 60_000},
	{Name: "share.session.timeout.ms", Type: ConfigInt, Min: 45_000, Max: 60_000},
}

// StreamsGroupConfigs are those of a streams group (KIP-1071), which not every engine has, with the broker's default
// bounds (group.streams.{min,max}.…). An application's own num.standby.replicas counts for nothing in such a group.
var StreamsGroupConfigs = Configs{
	{Name: "streams.heartbeat.interval.ms", Type: ConfigInt, Min: 5_000, Max: 15_000},
	{Name: "streams.initial.rebalance.delay.ms", Type: ConfigInt, Min: 0, Max: 300_000}, // only the group waits for it
	{Name: "streams.num.standby.replicas", Type: ConfigInt, Min: 0, Max: 2},
	{Name: "streams.session.timeout.ms", Type: ConfigInt, Min: 45_000, Max: 60_000},
}

const hour = 3_600_000 // milliseconds

// Find returns the configuration of a name.
func (c Configs) Find(name string) (Config, bool) {
	i := slices.IndexFunc(c, func(each Config) bool { return each.Name == name })
	if i < 0 {
		return Config{}, false
	}
	return c[i], true
}

// Settable returns the configuration of a name that a tenant may set. It returns an Invalid error for a name that
// does not exist, with those that do, and a Forbidden one for a name that is the platform's to set.
func (c Configs) Settable(name string) (Config, error) {
	config, ok := c.Find(name)
	switch {
	case !ok:
		return Config{}, orrery.Errorf(orrery.Invalid, "%q is not a configuration that can be set; these can: %s", clip(name), c.settable())
	case config.ReadOnly:
		return Config{}, orrery.Errorf(orrery.Forbidden, "%q is set by the service and cannot be changed; these can: %s", name, c.settable())
	}
	return config, nil
}

func (c Configs) settable() string {
	var names []string
	for _, each := range c {
		if !each.ReadOnly {
			names = append(names, each.Name)
		}
	}
	return strings.Join(names, ", ")
}

// Check returns an Invalid error where value is not of the configuration's type, and a Forbidden one where it is
// out of what is allowed to the tenant. Both say what is allowed.
func (c Config) Check(value string, tenant Tenant) error {
	switch c.Type {
	case ConfigInt, ConfigLong:
		return c.checkInteger(value, tenant)
	case ConfigDouble:
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(n) {
			return orrery.Errorf(orrery.Invalid, "%s must be a number, and is %q", c.Name, clip(value))
		}
		if n < float64(c.Min) || n > float64(c.Max) {
			return orrery.Errorf(orrery.Forbidden, "%s must be %d to %d, and is %q", c.Name, c.Min, c.Max, clip(value))
		}
	case ConfigList:
		return c.checkList(value)
	default:
		if !slices.Contains(c.Values, value) {
			return orrery.Errorf(orrery.Invalid, "%s must be one of %s, and is %q", c.Name, strings.Join(c.Values, ", "), clip(value))
		}
	}
	return nil
}

func (c Config) checkInteger(value string, tenant Tenant) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return orrery.Errorf(orrery.Invalid, "%s must be an integer, and is %q", c.Name, clip(value))
	}
	limit, reason := c.Max, ""
	switch {
	case c.Replicas:
		limit = maxInSync(tenant.ReplicationFactor)
		reason = fmt.Sprintf(" with %d replicas, so that a partition takes records while one of its brokers is down", tenant.ReplicationFactor)
	case c.Message:
		limit = cmp.Or(tenant.Quotas.MessageBytes, limit)
		reason = " on a " + cmp.Or(tenant.Type, "Kafka") + " cluster"
	}
	switch {
	case n >= c.Min && n <= limit:
		return nil
	case limit == math.MaxInt64:
		return orrery.Errorf(orrery.Forbidden, "%s must be at least %d, and is %d", c.Name, c.Min, n)
	default:
		return orrery.Errorf(orrery.Forbidden, "%s must be %d to %d%s, and is %d", c.Name, c.Min, limit, reason, n)
	}
}

// maxInSync is the most that min.insync.replicas may be: with all replicas required, no broker could ever be
// restarted without stopping the topic's producers.
func maxInSync(replicationFactor int) int64 { return int64(max(1, replicationFactor-1)) }

func (c Config) checkList(value string) error {
	var seen []string
	for element := range strings.SplitSeq(value, ",") {
		element = strings.TrimSpace(element)
		if !slices.Contains(c.Values, element) || slices.Contains(seen, element) {
			return orrery.Errorf(orrery.Invalid, "%s must be a list of %s, each at most once, and is %q", c.Name, strings.Join(c.Values, ", "), clip(value))
		}
		seen = append(seen, element)
	}
	return nil
}

// clip bounds what an error says of a value that came from outside.
func clip(value string) string {
	const most = 64
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "…"
}

// ChangeList appends the elements of change to a list, or subtracts them from it, as Kafka does: what is there is
// not appended again.
func ChangeList(list, change string, appending bool) string {
	var result []string
	for element := range strings.SplitSeq(list, ",") {
		if element = strings.TrimSpace(element); element != "" {
			result = append(result, element)
		}
	}
	for element := range strings.SplitSeq(change, ",") {
		element = strings.TrimSpace(element)
		i := slices.Index(result, element)
		switch {
		case appending && i < 0:
			result = append(result, element)
		case !appending && i >= 0:
			result = slices.Delete(result, i, i+1)
		}
	}
	return strings.Join(result, ",")
}
