package quota

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Published is what a gateway publishes of one tenant: for each dimension that is limited, its use and the share in
// force. A tenant that has nothing open, used and held back is left out; it counts as using nothing.
type Published map[Dimension]PublishedUse

// PublishedUse is one dimension of a Published.
type PublishedUse struct {
	Use
	Share int64
}

// MarshalJSON writes {"ingress":[used,wanted,share]}: a gateway publishes one for each active tenant every second.
func (p Published) MarshalJSON() ([]byte, error) {
	out := make(map[string][3]int64, len(p))
	for d, e := range p {
		out[d.String()] = [3]int64{e.Used, e.Wanted, e.Share}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote. Dimensions that this program does not know are left out.
func (p *Published) UnmarshalJSON(b []byte) error {
	var in map[string][3]int64
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("reading a tenant's published use: %w", err)
	}
	*p = Published{}
	for d := range Dimensions {
		if e, ok := in[d.String()]; ok {
			(*p)[d] = PublishedUse{Use{e[0], e[1]}, e[2]}
		}
	}
	return nil
}

// Exchange is what one gateway has heard of all, and decides its shares from it. It is not for concurrent use.
type Exchange struct {
	own   int32
	peers map[int32]*peer // the gateways with a live lease, own included
	order []int32         // their nodes, sorted
}

type peer struct {
	at      int64 // when it was heard; of the own, when it was published
	tenants map[string]Published
}

// NewExchange returns the exchange of a gateway that has heard nothing since now.
func NewExchange(now int64, own int32) *Exchange {
	e := &Exchange{own: own}
	e.SetGateways(now, nil)
	return e
}

// SetGateways says which gateways hold a lease. A new one counts as heard now, with no use: it has not served yet.
func (e *Exchange) SetGateways(now int64, nodes []int32) {
	peers := map[int32]*peer{}
	for _, node := range append([]int32{e.own}, nodes...) {
		if peers[node] = e.peers[node]; peers[node] == nil {
			peers[node] = &peer{at: now}
		}
	}
	e.peers, e.order = peers, slices.Sorted(maps.Keys(peers))
}

// Gateways returns how many hold a lease, this one included.
func (e *Exchange) Gateways() int { return len(e.order) }

// Heard takes what another gateway published, all its tenants at once. What comes from one without a lease, or from
// itself, is ignored.
func (e *Exchange) Heard(now int64, node int32, tenants map[string]Published) {
	if p := e.peers[node]; p != nil && node != e.own {
		p.at, p.tenants = now, tenants
	}
}

// Sent says that what Decide returned was published. Without it for Silence, every share is an even one.
func (e *Exchange) Sent(now int64) { e.peers[e.own].at = now }

// Decide ends a period of a tenant, about each second: it takes the tenant's own use, decides and puts in force this
// gateway's share of each dimension that is limited, and returns the decisions and what to publish (nil: nothing).
// Pressure is the broker's back-pressure (BackPressure).
func (e *Exchange) Decide(now int64, id string, t *Tenant, pressure int64) ([]Decision, Published) {
	uses := t.Report(now)
	var decisions []Decision
	publish, active := Published{}, t.Open() > 0
	reports := make([]Report, len(e.order))
	for d := range Dimensions {
		limit := d.Of(t.quotas)
		if limit == Unlimited {
			continue
		}
		for i, node := range e.order {
			p := e.peers[node]
			entry := p.tenants[id][d]
			reports[i] = Report{Node: node, At: p.at, Use: entry.Use, Share: entry.Share}
			if node == e.own {
				reports[i].Use, reports[i].Share = uses[d], t.Share(d)
			}
		}
		decision := ShareOf(d, limit, now, e.own, reports, pressure)
		t.SetShare(now, d, decision.Share)
		decisions = append(decisions, decision)
		publish[d] = PublishedUse{uses[d], decision.Share}
		active = active || uses[d] != Use{}
	}
	if !active {
		publish = nil
	}
	return decisions, publish
}
