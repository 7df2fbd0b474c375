package mothership

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/orrery-kafka/orrery/internal/tenancy"
)

// wantedSaltKey returns the salt key of a physical cluster with tenants. It comes from one secret of the installation,
// so that it stays the same for good, and says nothing about another cluster's.
func (t *transaction) wantedSaltKey(pscID string) (string, any, error) {
	psc, ok, err := find(t.PSCs(), pscID)
	if err != nil || !ok || psc.Deleted || psc.Local || !psc.Spec.Gateways {
		return "", nil, err
	}
	secret, err := t.saltSecret()
	if err != nil {
		return "", nil, err
	}
	key := hmac.New(sha256.New, secret)
	io.WriteString(key, pscID)
	return pscID, tenancy.SaltKey{PhysicalClusterID: pscID, Key: key.Sum(nil)}, nil
}

// saltSecret returns the installation's secret for salt keys, and draws it the first time.
func (t *transaction) saltSecret() ([]byte, error) {
	text, err := t.Meta(metaSaltSecret)
	if err != nil {
		return nil, err
	}
	if text == "" {
		secret := make([]byte, tenancy.SaltKeyBytes)
		if _, err := io.ReadFull(t.m.random, secret); err != nil {
			return nil, fmt.Errorf("reading random bytes for salt keys: %w", err)
		}
		return secret, t.SetMeta(metaSaltSecret, hex.EncodeToString(secret))
	}
	secret, err := hex.DecodeString(text)
	if err != nil || len(secret) != tenancy.SaltKeyBytes {
		return nil, errors.New("the stored secret for salt keys is damaged") // without the cause, which has a part of it
	}
	return secret, nil
}
