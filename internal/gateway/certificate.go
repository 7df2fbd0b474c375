package gateway

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/orrery-kafka/orrery/internal/clientcertificate"
	"github.com/orrery-kafka/orrery/internal/identitypool"
	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// errCertificateOver is a connection whose client certificate has run out.
var errCertificateOver = errors.New("the client certificate has expired; connect with a new one")

// Why a certificate leads to no cluster.
var (
	errTwoOwners = refusedError{"the client certificate is signed with a key that several organizations have uploaded, so it says nothing"}
	errNoFilter  = errors.New("no identity pool of its certificate authority lets the client certificate in")
	errNoCluster = errors.New("the identity pool of the client certificate leads to no Kafka cluster here: its cluster is elsewhere or gone, or it names none and there are several")
)

// openCertificate returns what a client's certificate opens: the cluster of the oldest identity pool whose filter lets
// it in, of the certificate authority that signed it. The text of an error holds nothing of the certificate.
func (s *state) openCertificate(leaf *x509.Certificate, now time.Time) (admission, error) {
	signers, err := s.signersOf(leaf, now)
	if err != nil {
		return admission{}, err
	}
	organizationID := signers[0].OrganizationID
	var chosen identityPool
	var by signer
	for _, signer := range signers {
		for _, id := range s.logins.certificates.pools.of(signer.CertificateAuthorityID) {
			pool, _ := s.logins.pools.get(id)
			if pool.OrganizationID == organizationID && (chosen.certificates == nil || older(pool, chosen)) && pool.certificates.Lets(leaf) {
				chosen, by = pool, signer
			}
		}
	}
	if chosen.certificates == nil {
		return admission{}, s.refuseCertificate(leaf, organizationID, errNoFilter)
	}
	subject, err := identitypool.CertificateIdentity(leaf, chosen.IdentityClaim)
	if err != nil {
		return admission{}, s.refuseCertificate(leaf, organizationID, err)
	}
	tenant, ok := s.clusterOf(chosen)
	if !ok {
		return admission{}, s.refuseCertificate(leaf, organizationID, errNoCluster)
	}
	return admission{
		identity: Identity{
			OrganizationID: tenant.OrganizationID, EnvironmentID: tenant.EnvironmentID, LogicalClusterID: tenant.LogicalClusterID,
			PrincipalID: chosen.IdentityPoolID, Subject: subject,
		},
		tenant: tenant, hash: chosen.hash + by.hash, certificate: leaf, lifetime: by.until.Sub(now),
	}, nil
}

// signer is a certificate authority that signed a certificate, and until when that is good.
type signer struct {
	certificateAuthority
	until time.Time
}

// signersOf returns the certificate authorities that signed a certificate, all of one organization and at least one.
func (s *state) signersOf(leaf *x509.Certificate, now time.Time) (signers []signer, err error) {
	err = refusedError{clientcertificate.ErrUnknown.Error()}
	for _, id := range s.logins.certificates.signers.of(string(leaf.RawIssuer)) {
		a, _ := s.logins.certificates.authorities.get(id)
		until, wrong := a.authority.Verify(leaf, now)
		switch {
		case errors.Is(wrong, clientcertificate.ErrUnknown):
		case wrong != nil:
			err = s.refuseCertificate(leaf, a.OrganizationID, wrong)
		case signers != nil && signers[0].OrganizationID != a.OrganizationID:
			return nil, errTwoOwners // the mothership does not let that happen
		default:
			signers = append(signers, signer{a, until})
		}
	}
	if signers != nil {
		return signers, nil
	}
	return nil, err
}

// certificateRefusedError is a refusedError about a certificate of an organization, whose clusters may know of it.
type certificateRefusedError struct {
	refusedError
	clusters    []string
	certificate string
}

// Unwrap returns the refusedError.
func (e certificateRefusedError) Unwrap() error { return e.refusedError }

// maxTold bounds how many clusters are told of a certificate that leads to none of them.
const maxTold = 8

func (s *state) refuseCertificate(leaf *x509.Certificate, organizationID string, why error) error {
	o, _ := s.organizations.get(organizationID)
	clusters := slices.Sorted(maps.Keys(o.clusters))
	return certificateRefusedError{
		refusedError{why.Error()}, clusters[:min(len(clusters), maxTold)],
		fmt.Sprintf("%s, serial number %s", leaf.Subject, leaf.SerialNumber.Text(16)),
	}
}

// older decides between two identity pools that let the same certificate in: so a new one changes nobody's principal.
func older(a, b identityPool) bool {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.IdentityPoolID, b.IdentityPoolID)) < 0
}

// clusterOf returns the cluster that an identity pool leads to.
func (s *state) clusterOf(pool identityPool) (tenancy.Tenant, bool) {
	id := pool.LogicalClusterID
	if id == "" {
		o, _ := s.organizations.get(pool.OrganizationID)
		if len(o.clusters) != 1 {
			return tenancy.Tenant{}, false
		}
		for only := range o.clusters {
			id = only
		}
	}
	tenant, ok := s.tenant(id)
	return tenant, ok && tenant.OrganizationID == pool.OrganizationID
}

// stillAdmits is admits for a connection that is open: one with a certificate also goes on where what let it in has
// changed and still lets it in as the same principal. The caller holds gateway.mu.
func (s *state) stillAdmits(c *connection, now time.Time) error {
	err := s.admits(c.identity, c.credentialHash)
	if err == nil || c.certificate == nil {
		return err
	}
	a, wrong := s.openCertificate(c.certificate, now)
	switch {
	case wrong != nil:
		return wrong
	case a.identity != c.identity:
		return err
	}
	c.credentialHash = a.hash
	return nil
}

// mayUseCertificate reports whether the client, which did not begin a SASL exchange, has a certificate to log in with.
// Whether that is good for anything is seen once it is used: a client with SASL may have any certificate.
func (c *connection) mayUseCertificate() bool {
	return !c.authenticated && c.mechanism == "" && c.presented != nil
}

// logInWithCertificate admits a client that asks for something without SASL, as on a listener with SSL. The connection
// ends when the certificate does.
func (c *connection) logInWithCertificate() error {
	a, err := c.gateway.state.Load().openCertificate(c.presented, c.gateway.config.Now())
	if err != nil {
		return err
	}
	lifetime := a.lifetime
	a.lifetime = 0 // nobody authenticates again on it
	if err := c.admit(a); err != nil {
		return err
	}
	c.presented = nil
	c.expiry = time.AfterFunc(lifetime, func() { c.end(errCertificateOver) })
	return c.enterQuota()
}
