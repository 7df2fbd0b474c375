package gateway_test

import (
	"fmt"
	"testing"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
	"github.com/orrery-kafka/orrery/internal/kafkatest"
)

// The broker that leads the ACLs comes to lead the tenants too, while it holds a fetch for the ACLs: what is written of
// tenants then must not wait for long until that fetch ends.
func TestStateIsFollowedWhenItsLeaderChanges(t *testing.T) {
	t.Parallel()
	c := gatewaytest.Start(t, gatewaytest.Options{Brokers: 2, Own: true, Engine: kafkatest.Embedded})
	move := func(topic string, node int32) {
		t.Helper()
		if err := c.Kafka.Embedded.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 4 {
		acls := int32(n % 2)
		move("_orrery_acls", acls)
		move("_orrery_tenants", 1-acls)
		c.Tenant(fmt.Sprintf("lkc-apart%d", n))
		move("_orrery_tenants", acls)
		c.Tenant(fmt.Sprintf("lkc-beside%d", n))
	}
}
