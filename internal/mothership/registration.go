package mothership

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/store"
)

// Admission is what the wiring does for satellites that are processes of their own: authorities and listeners are things
// of a host, and never in the store. It is for concurrent use.
type Admission interface {
	// CheckRequest returns the public key of a certificate request. The error is Invalid where it is none, or where it
	// was not made by who has the key.
	CheckRequest(request string) (key string, err error)
	// Certify signs what a satellite has registered.
	Certify(satelliteID string, r orrery.Registration, now time.Time) (orrery.SatelliteCertificates, error)
	// Signer names what Certify signs with: where it is another, everybody's certificates are to be signed anew.
	Signer() string
	// Admit lets a satellite to its part of the link, and returns where that is reached, as HOST:PORT. It may be
	// repeated.
	Admit(ctx context.Context, satelliteID string) (seeds []string, err error)
}

// SatelliteInput is what a satellite says of itself when it registers. What can change it says again in its reports.
type SatelliteInput struct {
	Cloud, Region         string // "*" serves any
	Labels                map[string]string
	Engine, Substrate     string
	Version               string
	Capacity              orrery.Capacity
	IdentityRequest       string // PEM, PKCS #10
	AuthorityRequest      string
	DNSNames, IPAddresses []string
}

// SatelliteRegistration is what a satellite needs in order to work.
type SatelliteRegistration struct {
	orrery.Satellite
	// Seeds are where the link is reached.
	Seeds []string
}

// RegisterSatellite admits a satellite: it gets an id, its certificates, and its part of the link. Who asks again with
// the same key gets the same id, and certificates that are new. It is for administrators of the installation.
func (m *Mothership) RegisterSatellite(ctx context.Context, actor Actor, in SatelliteInput) (out SatelliteRegistration, err error) {
	if err := m.view(ctx, actor, (*transaction).requirePlatform); err != nil {
		return out, err
	}
	if m.admission == nil {
		return out, orrery.Errorf(orrery.Conflict, "this installation takes no other satellites: start it as `orrery mothership`, or with --link-listen")
	}
	key, err := m.checkSatellite(&in)
	if err != nil {
		return out, err
	}
	err = m.update(ctx, actor, func(t *transaction) error {
		if err := t.requirePlatform(); err != nil {
			return err
		}
		out.Satellite, err = t.register(in, key)
		return err
	})
	if err != nil {
		return out, err
	}
	if out.Seeds, err = m.admission.Admit(ctx, out.ID); err != nil {
		return out, err
	}
	certificates, err := m.admission.Certify(out.ID, *out.Registration, m.now())
	if err != nil {
		return out, err
	}
	err = m.commit(ctx, m.now(), func(t *transaction) error {
		out.Satellite, err = t.certified(out.ID, certificates)
		return err
	})
	return out, err
}

// Limits of what a satellite may say of itself.
const (
	maxSatellites     = 10_000
	maxSatelliteNames = 16
	maxLabels         = 32
)

var (
	satelliteWord  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	satelliteLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$`)
	satelliteName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
)

// checkSatellite checks what a satellite says of itself, and returns its identity's public key.
func (m *Mothership) checkSatellite(in *SatelliteInput) (key string, err error) {
	in.Cloud, in.Region = cmp.Or(in.Cloud, "*"), cmp.Or(in.Region, "*")
	for pointer, word := range map[string]string{"/spec/cloud": in.Cloud, "/spec/region": in.Region} {
		if word != "*" && !satelliteWord.MatchString(word) {
			return "", orrery.InvalidField(pointer, "%.80q is not a name: letters, digits, dots, hyphens and underscores, or * for any", word)
		}
	}
	if in.Cloud != strings.ToUpper(in.Cloud) {
		return "", orrery.InvalidField("/spec/cloud", "the name of a cloud is in capital letters: %s", strings.ToUpper(in.Cloud))
	}
	if in.Engine != orrery.EngineEmbedded && in.Engine != orrery.EngineApache {
		return "", orrery.InvalidField("/spec/engine", "%.80q is not an engine; there are %s and %s", in.Engine, orrery.EngineEmbedded, orrery.EngineApache)
	}
	if len(in.Substrate) > maxIDLength || len(in.Version) > maxIDLength {
		return "", orrery.InvalidField("/spec/version", "the names of substrate and version are too long")
	}
	if err := CheckLabels(in.Labels); err != nil {
		return "", err
	}
	if len(in.DNSNames) > maxSatelliteNames || len(in.IPAddresses) > maxSatelliteNames {
		return "", orrery.InvalidField("/dns_names", "a satellite serves at most %d names and %d addresses", maxSatelliteNames, maxSatelliteNames)
	}
	for _, name := range in.DNSNames {
		if len(name) > 253 || !satelliteName.MatchString(name) {
			return "", orrery.InvalidField("/dns_names", "%.80q is not a DNS name", name)
		}
	}
	for _, text := range in.IPAddresses {
		if address, err := netip.ParseAddr(text); err != nil || address.Zone() != "" || address.IsUnspecified() {
			return "", orrery.InvalidField("/ip_addresses", "%.80q is not an IP address that clients can connect to", text)
		}
	}
	if key, err = m.admission.CheckRequest(in.IdentityRequest); err != nil {
		return "", orrery.InvalidField("/identity_request", "%s", orrery.ErrorMessage(err))
	}
	other, err := m.admission.CheckRequest(in.AuthorityRequest)
	switch {
	case err != nil:
		return "", orrery.InvalidField("/authority_request", "%s", orrery.ErrorMessage(err))
	case other == key:
		return "", orrery.InvalidField("/authority_request", "identity and authority need a key each")
	}
	return key, nil
}

// CheckLabels checks the labels of a satellite.
func CheckLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return orrery.InvalidField("/spec/labels", "a satellite has at most %d labels", maxLabels)
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !satelliteLabel.MatchString(name) || !satelliteWord.MatchString(labels[name]) {
			return orrery.InvalidField("/spec/labels", "%.80q=%.80q is not a label: a name of small letters, digits, dots, hyphens and slashes, and a value of letters, digits, dots, hyphens and underscores", name, labels[name])
		}
	}
	return nil
}

// register stores what a satellite said, as a new one or as the one that has the same key.
func (t *transaction) register(in SatelliteInput, key string) (s orrery.Satellite, err error) {
	all, err := t.Satellites().Count(store.Query{})
	if err != nil {
		return s, err
	}
	known, err := t.satelliteOfKey(key)
	switch {
	case err != nil:
		return s, err
	case known == nil && all >= maxSatellites:
		return s, limit("satellites", maxSatellites)
	case known == nil:
		if s.ID, err = newID(t, t.Satellites(), prefixed(orrery.PrefixSatellite)); err != nil {
			return s, err
		}
		s.CreatedAt = t.now
	default:
		s = *known
	}
	s.Cloud, s.Region, s.Labels, s.Engine, s.Substrate, s.UpdatedAt = in.Cloud, in.Region, in.Labels, in.Engine, in.Substrate, t.now
	s.Version, s.Capacity = in.Version, in.Capacity
	r := orrery.Registration{IdentityRequest: in.IdentityRequest, AuthorityRequest: in.AuthorityRequest, DNSNames: in.DNSNames, IPAddresses: in.IPAddresses}
	if s.Registration != nil {
		r.Certificates = s.Registration.Certificates
	}
	s.Registration = &r
	t.watch(s.ID)
	return s, t.Satellites().Put(s)
}

// satelliteOfKey finds a satellite by the public key of its identity.
func (t *transaction) satelliteOfKey(key string) (found *orrery.Satellite, err error) {
	err = each(t.Satellites(), store.Query{}, func(s orrery.Satellite) error {
		if s.Registration == nil {
			return nil
		}
		theirs, err := t.m.admission.CheckRequest(s.Registration.IdentityRequest)
		if err == nil && theirs == key {
			found = &s
		}
		return nil
	})
	return found, err
}

// certified keeps what was signed for a satellite, and has it sent.
func (t *transaction) certified(id string, certificates orrery.SatelliteCertificates) (orrery.Satellite, error) {
	s, err := t.Satellites().Get(id)
	if err != nil || s.Registration == nil {
		return s, err
	}
	r := *s.Registration
	r.Certificates = certificates
	s.Registration, s.UpdatedAt = &r, t.now
	t.compose(orrery.DesiredCertificates + "/" + id)
	t.watch(id)
	return s, t.Satellites().Put(s)
}

// wantedCertificates is what a satellite is to have.
func (t *transaction) wantedCertificates(id string) (string, any, error) {
	s, ok, err := find(t.Satellites(), id)
	if err != nil || !ok || s.Registration == nil || s.Registration.Certificates.Identity == "" {
		return "", nil, err
	}
	return id, s.Registration.Certificates, nil
}

// certify has the certificates of a satellite signed anew where they are due, and reports whether they were. The first
// ones are signed when it registers.
func (m *Mothership) certify(ctx context.Context, now time.Time, s orrery.Satellite) (bool, error) {
	if m.admission == nil || s.Registration == nil || s.Registration.Certificates.Identity == "" || !certificatesDue(s.Registration.Certificates, m.admission.Signer(), now) {
		return false, nil
	}
	certificates, err := m.admission.Certify(s.ID, *s.Registration, now)
	if err != nil {
		return false, err
	}
	return true, m.commit(ctx, now, func(t *transaction) error {
		_, err := t.certified(s.ID, certificates)
		return err
	})
}

// certificatesDue reports whether certificates were signed by something else than the signer, or have a third of their
// life left or less.
func certificatesDue(c orrery.SatelliteCertificates, signer string, now time.Time) bool {
	return c.Signer != signer || !now.Before(renewAt(c))
}

// renewAt is when the first of a satellite's certificates has a third of its life left.
func renewAt(c orrery.SatelliteCertificates) time.Time {
	at := c.IdentityExpires.Add(-c.IdentityExpires.Sub(c.IssuedAt) / 3)
	if authority := c.AuthorityExpires.Add(-c.AuthorityExpires.Sub(c.IssuedAt) / 3); authority.Before(at) {
		return authority
	}
	return at
}
