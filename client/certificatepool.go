package client

import (
	"context"
	"iter"
	"net/http"

	"github.com/orrery-kafka/orrery/wire"
)

func certificatePools(authorityID string) string {
	return at(certificateAuthorities, authorityID) + "/identity-pools"
}

// ListCertificatePools lists the identity pools of a certificate authority, oldest first.
func (c *Client) ListCertificatePools(ctx context.Context, authorityID string) iter.Seq2[wire.CertificatePool, error] {
	return each[wire.CertificatePool](ctx, c, certificatePools(authorityID), nil)
}

// GetCertificatePool returns an identity pool of a certificate authority.
func (c *Client) GetCertificatePool(ctx context.Context, authorityID, id string) (wire.CertificatePool, error) {
	return do[wire.CertificatePool](ctx, c, http.MethodGet, at(certificatePools(authorityID), id), nil, nil)
}

// CreateCertificatePool makes an identity pool of a certificate authority. It returns once every cluster of the
// organization knows it.
func (c *Client) CreateCertificatePool(ctx context.Context, authorityID string, in wire.CertificatePool) (wire.CertificatePool, error) {
	return do[wire.CertificatePool](ctx, c, http.MethodPost, certificatePools(authorityID), nil, in)
}

// UpdateCertificatePool changes the fields that are set.
func (c *Client) UpdateCertificatePool(ctx context.Context, authorityID, id string, change wire.CertificatePoolUpdate) (wire.CertificatePool, error) {
	return do[wire.CertificatePool](ctx, c, http.MethodPut, at(certificatePools(authorityID), id), nil, change)
}

// DeleteCertificatePool deletes an identity pool of a certificate authority with its role bindings.
func (c *Client) DeleteCertificatePool(ctx context.Context, authorityID, id string) error {
	_, err := do[struct{}](ctx, c, http.MethodDelete, at(certificatePools(authorityID), id), nil, nil)
	return err
}
