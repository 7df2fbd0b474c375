package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

const certificateAuthorities = "/iam/v2/certificate-authorities"

// ListCertificateAuthorities lists certificate authorities, oldest first.
func (c *Client) ListCertificateAuthorities(ctx context.Context) iter.Seq2[wire.CertificateAuthority, error] {
	return each[wire.CertificateAuthority](ctx, c, certificateAuthorities, nil)
}

// GetCertificateAuthority returns a certificate authority.
func (c *Client) GetCertificateAuthority(ctx context.Context, id string) (wire.CertificateAuthority, error) {
	return do[wire.CertificateAuthority](ctx, c, http.MethodGet, at(certificateAuthorities, id), nil, nil)
}

// CreateCertificateAuthority makes a certificate authority. It returns once every cluster of the organization knows it.
func (c *Client) CreateCertificateAuthority(ctx context.Context, in wire.CertificateAuthorityInput) (wire.CertificateAuthority, error) {
	return do[wire.CertificateAuthority](ctx, c, http.MethodPost, certificateAuthorities, nil, in)
}

// UpdateCertificateAuthority changes the fields that are set. It returns once the connections have ended of
// certificates that do not hold any more.
func (c *Client) UpdateCertificateAuthority(ctx context.Context, id string, change wire.CertificateAuthorityInput) (wire.CertificateAuthority, error) {
	return do[wire.CertificateAuthority](ctx, c, http.MethodPut, at(certificateAuthorities, id), nil, change)
}

// DeleteCertificateAuthority deletes a certificate authority; one that has identity pools is an orrery.Conflict.
func (c *Client) DeleteCertificateAuthority(ctx context.Context, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(certificateAuthorities, id), nil, nil)
	return err
}
