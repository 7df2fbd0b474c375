package embedded

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/wire"
)

// enrolment is what a satellite has of its registration, durably:
//
//	DIR/pki/identity-key.pem, DIR/pki/authority-key.pem   its keys, which never leave the directory
//	DIR/pki/identity.csr, DIR/pki/authority.csr           the requests to sign them
//	DIR/registration.json                                 its id, where the link is, and the certificates
//	DIR/ca.pem                                            what clients trust
type enrolment struct {
	directory *directory
	keys      map[string][]byte // by name

	mu sync.Mutex
	enrolmentFile
}

// enrolmentFile is the content of registration.json.
type enrolmentFile struct {
	ID           string                       `json:"id"`
	Link         []string                     `json:"link"`
	Certificates orrery.SatelliteCertificates `json:"certificates"`
}

const (
	keyIdentity  = "identity"
	keyAuthority = "authority"
)

// enrol finds the registration of an earlier start, or registers.
func (s *Satellite) enrol(ctx context.Context) error {
	e := &enrolment{directory: s.directory, keys: map[string][]byte{}}
	s.enrolment = e
	requests := map[string]string{}
	for _, name := range []string{keyIdentity, keyAuthority} {
		request, err := e.openKey(name)
		if err != nil {
			return err
		}
		requests[name] = request
	}
	found, err := e.load()
	if err != nil {
		return err
	}
	if found && time.Now().Before(e.Certificates.IdentityExpires) {
		return nil
	}
	if s.config.API == nil {
		if found {
			return orrery.Errorf(orrery.Unauthenticated, "the certificate of %s ran out on %s, and could not be renewed meanwhile: start it with --url and a Cloud API key that may register satellites, and it gets new ones under the same id", e.ID, e.Certificates.IdentityExpires.Format(time.DateOnly))
		}
		return orrery.Errorf(orrery.Unauthenticated, "this satellite has not registered yet: start it with --url of the mothership's API and a Cloud API key that may register satellites")
	}
	return s.register(ctx, s.config.API, requests)
}

// register asks the mothership for an id and certificates.
func (s *Satellite) register(ctx context.Context, api *client.Client, requests map[string]string) error {
	about, names := s.about(), s.names()
	in := wire.SatelliteRegistration{
		Spec: wire.SatelliteSpec{
			Cloud: about.Cloud, Region: about.Region, Labels: about.Labels, Engine: about.Engine, Substrate: about.Substrate, Version: about.Version, Capacity: about.Capacity,
		},
		IdentityRequest: requests[keyIdentity], AuthorityRequest: requests[keyAuthority], DNSNames: names.DNS,
	}
	for _, ip := range names.IPs {
		in.IPAddresses = append(in.IPAddresses, ip.String())
	}
	answer, err := api.RegisterSatellite(ctx, in)
	if err != nil {
		return fmt.Errorf("registering this satellite: %w", err)
	}
	s.log.Info("registered", "satellite", answer.ID, "link", answer.Status.Link)
	return s.enrolment.keep(enrolmentFile{ID: answer.ID, Link: answer.Status.Link, Certificates: answer.Status.Certificates})
}

// openKey reads a key, or makes it, and returns the request to sign it.
func (e *enrolment) openKey(name string) (request string, err error) {
	if err := os.MkdirAll(e.directory.join("pki"), 0o700); err != nil {
		return "", directoryError(e.directory.path, err)
	}
	keyFile, requestFile := e.directory.join("pki", name+"-key.pem"), e.directory.join("pki", name+".csr")
	text, err := os.ReadFile(requestFile)
	if errors.Is(err, fs.ErrNotExist) { // the request is written last
		key, made, err := pki.NewRequest()
		if err != nil {
			return "", err
		}
		if err := errors.Join(writeFile(keyFile, key, 0o600), writeFile(requestFile, made, 0o600)); err != nil {
			return "", err
		}
		text = made
	} else if err != nil {
		return "", directoryError(e.directory.path, err)
	}
	if e.keys[name], err = os.ReadFile(keyFile); err != nil {
		return "", directoryError(e.directory.path, err)
	}
	return string(text), nil
}

func (e *enrolment) load() (found bool, err error) {
	document, err := os.ReadFile(e.directory.join("registration.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, directoryError(e.directory.path, err)
	}
	if err := json.Unmarshal(document, &e.enrolmentFile); err != nil || e.ID == "" || len(e.Link) == 0 {
		return false, orrery.Errorf(orrery.Invalid, "%s is damaged: restore it from a backup, or remove it and start with an API key: the satellite gets the same id again", e.directory.join("registration.json"))
	}
	return true, nil
}

// keep stores a registration after it was tried.
func (e *enrolment) keep(f enrolmentFile) error {
	if f.ID == "" || len(f.Link) == 0 {
		return orrery.Errorf(orrery.Invalid, "the mothership's answer to the registration has no id, or no address of the link")
	}
	if _, _, err := e.parse(f.Certificates); err != nil {
		return err
	}
	document, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(e.directory.join("registration.json"), append(document, '\n'), 0o600); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enrolmentFile = f
	return nil
}

func (e *enrolment) parse(c orrery.SatelliteCertificates) (pki.Certificate, *pki.Authority, error) {
	identity, err := pki.ParseClient(e.keys[keyIdentity], []byte(c.Identity))
	if err != nil {
		return identity, nil, fmt.Errorf("the identity: %w", err)
	}
	authority, err := pki.ParseAuthority(e.keys[keyAuthority], []byte(c.Authority), []byte(c.CAFile))
	if err != nil {
		return identity, nil, fmt.Errorf("the authority: %w", err)
	}
	return identity, authority, nil
}

// replace takes certificates that are not older than those that there are. It reports whether they are others.
func (e *enrolment) replace(c orrery.SatelliteCertificates) (changed bool, err error) {
	e.mu.Lock()
	f := e.enrolmentFile
	e.mu.Unlock()
	same := c.Identity == f.Certificates.Identity && c.Authority == f.Certificates.Authority && c.CAFile == f.Certificates.CAFile
	if same || c.IssuedAt.Before(f.Certificates.IssuedAt) {
		return false, nil
	}
	f.Certificates = c
	return true, e.keep(f)
}

// use puts what there is into force: the identity, the CA file, and the authority, which it returns.
func (e *enrolment) use(identity *pki.Reloader) (*pki.Authority, error) {
	e.mu.Lock()
	c := e.Certificates
	e.mu.Unlock()
	certificate, authority, err := e.parse(c)
	if err != nil {
		return nil, orrery.Errorf(orrery.Invalid, "%s does not go with the keys beside it (%v): restore both from a backup, or remove it and start with an API key", e.directory.join("registration.json"), err)
	}
	identity.Swap(certificate)
	return authority, writeFile(e.directory.join("ca.pem"), []byte(c.CAFile), 0o644)
}

// trusted is the TLS of a client that trusts the mothership's roots of the moment.
func (e *enrolment) trusted() *tls.Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	return trustedBy(e.Certificates.CAFile)
}
