package gateway_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway"
	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// A session ends at the broker with the connection that opened it, and counts until then.
func TestFetchSessionsEndWithTheirConnection(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{Limits: gateway.Limits{FetchSessions: 2}})
	createTopic(t, c, "lkc-aaaaaa_orders", 1)
	key := c.Admin(c.Tenant("lkc-aaaaaa"))
	produceOne(t, c.Client(key), "orders", "x")
	direct := engineClient(t, c)
	for i := range 20 {
		var r *rawClient
		var id int32
		eventually(t, func() string {
			r = authenticated(t, c, key)
			if id = r.ask(fetchRequest(12, 0, 0)).(*kmsg.FetchResponse).SessionID; id == 0 {
				r.conn.Close()
				return fmt.Sprintf("connection %d gets no session", i)
			}
			return ""
		})
		r.conn.Close()
		eventually(t, func() string {
			request := fetchRequest(11, id, 1) // the first that goes on with it
			request.Topics = nil
			response, err := direct.Broker(0).Request(testContext(t), request)
			if err != nil {
				return err.Error()
			}
			if code := response.(*kmsg.FetchResponse).ErrorCode; code != kerr.FetchSessionIDNotFound.Code {
				return fmt.Sprintf("the session of connection %d goes on: error %d", i, code)
			}
			return ""
		})
	}
}
