package tenancy

import (
	"slices"
	"strings"
	"testing"

	"github.com/orrery-kafka/orrery"
)

func TestConfigCheck(t *testing.T) {
	const invalid, forbidden = orrery.Invalid, orrery.Forbidden
	for _, c := range []struct {
		name, value string
		code        orrery.Code
		says        string
	}{
		{"cleanup.policy", "compact", "", ""},
		{"cleanup.policy", "compact, delete", "", ""},
		{"cleanup.policy", "", invalid, "delete, compact"},
		{"cleanup.policy", "delete,delete", invalid, "at most once"},
		{"cleanup.policy", "archive", invalid, "delete, compact"},
		{"compression.type", "zstd", "", ""},
		{"compression.type", "brotli", invalid, "gzip, lz4, snappy, zstd"},
		{"max.message.bytes", "8388608", "", ""},
		{"max.message.bytes", "8388609", forbidden, "0 to 8388608"},
		{"max.message.bytes", "-1", forbidden, "0 to 8388608"},
		{"max.message.bytes", "1MB", invalid, "integer"},
		{"max.message.bytes", "99999999999999999999", invalid, "integer"},
		{"message.timestamp.type", "CreateTime", "", ""},
		{"message.timestamp.type", "LogAppendTime", invalid, "CreateTime"},
		{"min.cleanable.dirty.ratio", "0.5", "", ""},
		{"min.cleanable.dirty.ratio", "1.5", forbidden, "0 to 1"},
		{"min.cleanable.dirty.ratio", "NaN", invalid, "number"},
		{"min.insync.replicas", "2", "", ""},
		{"min.insync.replicas", "3", forbidden, "1 to 2 with 3 replicas"},
		{"min.insync.replicas", "0", forbidden, "1 to 2"},
		{"retention.ms", "-1", "", ""},
		{"retention.ms", "9223372036854775807", "", ""},
		{"retention.ms", "-2", forbidden, "at least -1"},
		{"segment.bytes", "1024", forbidden, "52428800 to 1073741824"},
		{"segment.ms", "1000", forbidden, "at least 14400000"},
		{"segment.ms", "14400000", "", ""},
		{"flush.ms", "1", forbidden, "set by the service"},
		{"leader.replication.throttled.replicas", "*", invalid, "cleanup.policy"},
		{"kfake.is_internal", "true", invalid, "cleanup.policy"},
		{strings.Repeat("x", 9999), "1", invalid, "…"},
	} {
		err := checkTopicConfig(c.name, c.value, 3)
		if orrery.ErrorCode(err) != c.code {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
			continue
		}
		if err != nil && (!strings.Contains(err.Error(), c.says) || len(err.Error()) > 1024) {
			t.Errorf("%s=%s: %q does not say %q", c.name, c.value, err, c.says)
		}
	}
}

func checkTopicConfig(name, value string, replicationFactor int) error {
	config, err := TopicConfigs.Settable(name)
	if err != nil {
		return err
	}
	return config.Check(value, Tenant{Type: orrery.TypeBasic, ReplicationFactor: replicationFactor})
}

func TestMessagesFollowTheQuota(t *testing.T) {
	config, err := TopicConfigs.Settable("max.message.bytes")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		most    int64
		value   string
		allowed bool
	}{
		{1000, "1000", true}, {1000, "1001", false}, {20 << 20, "20971520", true}, {20 << 20, "20971521", false},
		{0, "8388608", true}, {0, "8388609", false}, // a record of an older mothership
	} {
		err := config.Check(c.value, Tenant{Type: orrery.TypeBasic, Quotas: orrery.Quotas{MessageBytes: c.most}})
		if (err == nil) != c.allowed || !c.allowed && (orrery.ErrorCode(err) != orrery.Forbidden || !strings.Contains(err.Error(), "on a Basic cluster")) {
			t.Errorf("%s with a quota of %d: %v", c.value, c.most, err)
		}
	}
}

func TestMinInSyncFollowsReplicationFactor(t *testing.T) {
	for replicationFactor, most := range map[int]string{1: "1", 2: "1", 3: "2", 5: "4"} {
		if err := checkTopicConfig("min.insync.replicas", most, replicationFactor); err != nil {
			t.Errorf("%d replicas: %v", replicationFactor, err)
		}
		if err := checkTopicConfig("min.insync.replicas", "5", replicationFactor); orrery.ErrorCode(err) != orrery.Forbidden {
			t.Errorf("%d replicas: %v", replicationFactor, err)
		}
	}
}

func TestConfigTables(t *testing.T) {
	for _, table := range []Configs{TopicConfigs, GroupConfigs, StreamsGroupConfigs} {
		var names []string
		for _, c := range table {
			if slices.Contains(names, c.Name) {
				t.Errorf("%s is there twice", c.Name)
			}
			names = append(names, c.Name)
			if strings.Contains(c.Name, "throttled.replicas") {
				t.Errorf("%s shows the platform's work", c.Name)
			}
			bounded := len(c.Values) > 0 || c.Max > c.Min || c.Replicas
			if bounded == c.ReadOnly {
				t.Errorf("%s: bounds must be there exactly if it can be set", c.Name)
			}
			if found, ok := table.Find(c.Name); !ok || found.Name != c.Name {
				t.Errorf("%s is not found", c.Name)
			}
		}
	}
}

func FuzzConfigCheck(f *testing.F) {
	f.Add("9223372036854775808")
	f.Add("compact,delete")
	f.Fuzz(func(t *testing.T, value string) {
		for _, c := range slices.Concat(TopicConfigs, GroupConfigs, StreamsGroupConfigs) {
			if err := c.Check(value, Tenant{ReplicationFactor: 3}); err != nil && len(err.Error()) > 512 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}

func TestChangeList(t *testing.T) {
	for _, c := range []struct {
		list, change string
		appending    bool
		want         string
	}{
		{"delete", "compact", true, "delete,compact"},
		{"delete", "delete", true, "delete"},
		{"", "compact", true, "compact"},
		{"delete, compact", "delete", false, "compact"},
		{"delete", "compact", false, "delete"},
		{"delete", "delete", false, ""},
		{"delete", "compact,delete", false, ""},
	} {
		if got := ChangeList(c.list, c.change, c.appending); got != c.want {
			t.Errorf("%q with %q (appending: %v) is %q, not %q", c.list, c.change, c.appending, got, c.want)
		}
	}
}
