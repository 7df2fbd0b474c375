package gateway_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/orrery-kafka/orrery/internal/gateway/gatewaytest"
)

// The embedded engine counts a protocol that a member names twice as two members', and lets a group choose among no
// protocols; then it finds none that all members have, and its process ends, for every tenant.
func TestJoinsThatWouldStopTheEngine(t *testing.T) {
	c := gatewaytest.Start(t, gatewaytest.Options{})
	r := residents(t, c, "lkc-aaaaaa")[0]
	ctx, client := testContext(t), r.client()
	join := func(group, member, protocolType string, protocols ...string) *kmsg.JoinGroupResponse {
		t.Helper()
		request := kmsg.NewPtrJoinGroupRequest()
		request.Group, request.MemberID, request.ProtocolType = group, member, protocolType
		request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = 30_000, 30_000
		for _, p := range protocols {
			request.Protocols = append(request.Protocols, kmsg.JoinGroupRequestProtocol{Name: p})
		}
		response, err := request.RequestWith(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	refused := kerr.InconsistentGroupProtocol.Code

	first := join("twice", "", "connect", "p", "q")
	if first.ErrorCode != kerr.MemberIDRequired.Code {
		t.Fatalf("a first join: %+v", first)
	}
	if got := join("twice", first.MemberID, "connect", "p", "p"); got.ErrorCode != refused {
		t.Errorf("a protocol twice: %+v", got)
	}
	if got := join("twice", first.MemberID, "connect"); got.ErrorCode != refused {
		t.Errorf("no protocol: %+v", got)
	}
	if got := join("untyped", "", "", "p"); got.ErrorCode != refused {
		t.Errorf("no type: %+v", got)
	}
	if got := join("twice", first.MemberID, "connect", "p", "q"); got.ErrorCode != 0 {
		t.Errorf("the member itself: %+v", got)
	}
	if err := client.Ping(ctx); err != nil {
		t.Error(err)
	}
}
