package rest

import (
	"context"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/wire"
)

const certificateAuthoritiesPath = "/iam/v2/certificate-authorities"

func (s *server) certificateAuthorityRoutes() []route {
	return []route{
		{"GET", certificateAuthoritiesPath, "listCertificateAuthorities", "List certificate authorities", paged(), 200, with(s.listCertificateAuthorities), false},
		{"POST", certificateAuthoritiesPath, "createCertificateAuthority", "Create a certificate authority; the answer comes once every cluster knows it", nil, 201, with(s.createCertificateAuthority), false},
		{"GET", certificateAuthoritiesPath + "/{id}", "getCertificateAuthority", "Read a certificate authority", nil, 200, with(s.getCertificateAuthority), false},
		{"PUT", certificateAuthoritiesPath + "/{id}", "updateCertificateAuthority", "Change a certificate authority; the answer comes once the connections of certificates have ended that do not hold any more", nil, 200, with(s.updateCertificateAuthority), false},
		{"DELETE", certificateAuthoritiesPath + "/{id}", "deleteCertificateAuthority", "Delete a certificate authority that has no identity pools", nil, 204, with(s.deleteCertificateAuthority), false},
	}
}

func (s *server) listCertificateAuthorities(c *call, _ none) (wire.List[wire.CertificateAuthority], error) {
	page, err := c.page()
	if err != nil {
		return wire.List[wire.CertificateAuthority]{}, err
	}
	rows, err := s.mothership.ListCertificateAuthorities(c.ctx, c.actor, page)
	return listing(c, wire.IAMV2, wire.KindCertificateAuthority, rows, c.certificateAuthority), err
}

func (s *server) createCertificateAuthority(c *call, in wire.CertificateAuthorityInput) (wire.CertificateAuthority, error) {
	a, err := s.mothership.CreateCertificateAuthority(c.ctx, c.actor, mothership.CertificateAuthorityInput{
		DisplayName: given(in.DisplayName), Description: given(in.Description), CertificateChain: given(in.CertificateChain),
		Filename: given(in.CertificateChainFilename), RevocationLists: given(in.CRLChain),
	})
	if err != nil {
		return wire.CertificateAuthority{}, err
	}
	err = c.usable("certificate authority "+a.ID, a.State, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.CertificateAuthorityState(ctx, a.ID)
	})
	return c.certificateAuthority(a), err
}

func (s *server) getCertificateAuthority(c *call, _ none) (wire.CertificateAuthority, error) {
	a, err := s.mothership.CertificateAuthority(c.ctx, c.actor, c.pathID())
	return c.certificateAuthority(a), err
}

func (s *server) updateCertificateAuthority(c *call, in wire.CertificateAuthorityInput) (wire.CertificateAuthority, error) {
	a, err := s.mothership.UpdateCertificateAuthority(c.ctx, c.actor, c.pathID(), mothership.CertificateAuthorityChange{
		DisplayName: in.DisplayName, Description: in.Description, CertificateChain: in.CertificateChain,
		Filename: in.CertificateChainFilename, RevocationLists: in.CRLChain,
	})
	if err != nil {
		return wire.CertificateAuthority{}, err
	}
	err = c.changedEverywhere("certificate authority "+a.ID, func(ctx context.Context) (string, error) {
		return s.mothership.CertificateAuthorityAwaits(ctx, a.ID)
	})
	return c.certificateAuthority(a), err
}

func (s *server) deleteCertificateAuthority(c *call, _ none) (none, error) {
	id := c.pathID()
	state, err := s.mothership.DeleteCertificateAuthority(c.ctx, c.actor, id)
	if err != nil {
		return none{}, err
	}
	return none{}, c.removed("certificate authority "+id, state, func(ctx context.Context) (orrery.Lifecycle, error) {
		return s.mothership.CertificateAuthorityState(ctx, id)
	})
}

// given is what a field of a body says, "" where it is not there.
func given(field *string) string {
	if field == nil {
		return ""
	}
	return *field
}

func (c *call) certificateAuthority(a orrery.CertificateAuthority) wire.CertificateAuthority {
	out := wire.CertificateAuthority{
		APIVersion: wire.IAMV2, Kind: wire.KindCertificateAuthority, ID: a.ID,
		Metadata:    c.metadata(certificateAuthoritiesPath, a.ID, a.CRN(), a.CreatedAt, a.UpdatedAt),
		DisplayName: a.DisplayName, Description: a.Description, CertificateChainFilename: a.Filename, State: wire.StateEnabled,
	}
	for _, certificate := range a.Certificates {
		out.Fingerprints = append(out.Fingerprints, certificate.Fingerprint)
		out.ExpirationDates = append(out.ExpirationDates, certificate.ExpiresAt)
		out.SerialNumbers = append(out.SerialNumbers, certificate.SerialNumber)
		out.Subjects = append(out.Subjects, certificate.Subject)
	}
	if a.RevocationLists != "" {
		out.CRLSource = "LOCAL"
	}
	return out
}
