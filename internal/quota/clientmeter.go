package quota

import (
	"strings"
	"time"
)

// MaxClientMeters is how many client quotas of one tenant are metered apart at one gateway: at most some 8 MB. Clients
// choose their ids, so a default that is for each client id could be metered without end; beyond this, those for whom
// a quota holds share one meter of it.
const MaxClientMeters = 10_000

// meteredName is how much of a client id tells clients apart: more than a quota can name.
const meteredName = MaxEntityName + 1

// ClientMeter is the bucket of one client quota for those whose use counts together.
type ClientMeter struct {
	bucket    Bucket
	dimension Dimension
	limit     *Limit // never changes; another one takes its place
	key       meterKey
	payers    int // how many connections it is charged for
}

// maxRequestDebt bounds what a client owes of request time, as Kafka does (KIP-124): who set a request_percentage far
// too low must still be able to take it back.
const maxRequestDebt = 10 * time.Second

// charge is Bucket.Charge.
func (m *ClientMeter) charge(now, units int64) (debt time.Duration) {
	debt = m.bucket.Charge(now, units)
	if m.dimension == RequestTime && debt > maxRequestDebt {
		m.bucket.level, debt = -m.bucket.rate.Units*int64(maxRequestDebt/m.bucket.rate.Per), maxRequestDebt
	}
	return debt
}

// meterKey is a Scope, or, where there was no room for one more, the entity whose quota it is.
type meterKey struct {
	scope     Scope
	shared    Entity
	dimension Dimension
}

// ClientMeters are those of one tenant at one gateway. They outlive connections until they owe nothing, so that who
// connects again, or takes another client id for a while, gets no new burst. The zero value has no quotas. It is not
// for concurrent use.
type ClientMeters struct {
	quotas  ClientQuotas
	version int64
	meters  map[meterKey]*ClientMeter
	crowded bool // somebody shares a meter for want of room
}

// Version is another one when those that pay have to be looked up again: they may be others now.
func (m *ClientMeters) Version() int64 { return m.version }

// ByClient reports whether there are quotas, so that another client id may have others.
func (m *ClientMeters) ByClient() bool { return len(m.quotas) > 0 }

// SetQuotas puts other client quotas in force, which nobody may change any more.
func (m *ClientMeters) SetQuotas(quotas ClientQuotas) {
	m.quotas = quotas
	m.version++
}

// Attach returns the meters of the quotas that hold for a connection of a user and client id, and takes back those
// that it had before. Each connection ends with Detach.
func (m *ClientMeters) Attach(now int64, user, clientID string, before []*ClientMeter) []*ClientMeter {
	if len(m.quotas) == 0 {
		m.Detach(before)
		return nil
	}
	limits := m.quotas.Match(user, strings.Clone(clientID[:min(len(clientID), meteredName)]))
	attached := make([]*ClientMeter, len(limits))
	for i := range limits {
		attached[i] = m.attach(now, &limits[i], before)
	}
	m.Detach(before)
	return attached
}

func (m *ClientMeters) attach(now int64, limit *Limit, before []*ClientMeter) *ClientMeter {
	d := limit.Dimension()
	key := meterKey{scope: limit.Scope, dimension: d}
	meter := m.meters[key]
	if meter == nil && len(m.meters) >= MaxClientMeters {
		m.crowded = true
		key = meterKey{shared: limit.Entity, dimension: d}
		meter = m.meters[key]
	}
	switch {
	case meter == nil:
		meter = &ClientMeter{bucket: NewBucket(now, limit.Rate()), dimension: d, limit: limit, key: key}
		if shared(before, d) { // it had its burst there
			meter.bucket.Charge(now, meter.bucket.level)
		}
		if m.meters == nil {
			m.meters = map[meterKey]*ClientMeter{}
		}
		m.meters[key] = meter
	case *meter.limit != *limit:
		if meter.limit.Value != limit.Value {
			meter.bucket.SetRate(now, limit.Rate())
		}
		meter.limit = limit
	}
	meter.payers++
	return meter
}

func shared(meters []*ClientMeter, d Dimension) bool {
	for _, meter := range meters {
		if meter.dimension == d && meter.key.shared != (Entity{}) {
			return true
		}
	}
	return false
}

// Detach takes meters back that a connection had.
func (m *ClientMeters) Detach(meters []*ClientMeter) {
	for _, meter := range meters {
		meter.payers--
	}
}

// Sweep forgets meters that no connection has and that a new one would be like, and those of quotas that are gone. It
// is to be called about each second.
func (m *ClientMeters) Sweep(now int64) {
	for key, meter := range m.meters {
		if meter.payers > 0 {
			continue
		}
		_, there := m.quotas[meter.limit.Entity][meter.limit.Key]
		if !there || meter.bucket.full(now) {
			delete(m.meters, key)
		}
	}
	if m.crowded && len(m.meters) < MaxClientMeters*9/10 {
		m.crowded = false
		m.version++
	}
}

// Limits reports whether one of the meters is of a dimension.
func Limits(meters []*ClientMeter, d Dimension) bool {
	for _, meter := range meters {
		if meter.dimension == d {
			return true
		}
	}
	return false
}

// MostEgress is the least egress quota of client meters, in bytes/s, and Unlimited where there is none.
func MostEgress(meters []*ClientMeter) int64 {
	most := int64(Unlimited)
	for _, meter := range meters {
		if meter.dimension == Egress {
			most = min(most, meter.bucket.Rate().Units)
		}
	}
	return most
}
