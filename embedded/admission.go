package embedded

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/link/door"
	"github.com/orrery-kafka/orrery/internal/mothership"
	"github.com/orrery-kafka/orrery/internal/pki"
	"github.com/orrery-kafka/orrery/internal/store"
)

// admission lets satellites in that are processes of their own: it signs their certificates, and opens the link to them
// by a door before the embedded engine.
type admission struct {
	server    *Server
	authority *pki.Authority // says who is who on the link
	listener  net.Listener
	address   string // what satellites are told

	mu       sync.Mutex
	admitted map[string]bool
}

var _ mothership.Admission = (*admission)(nil)

// openAdmission takes the link's address; nothing is accepted yet.
func (s *Server) openAdmission(context.Context) (err error) {
	if s.config.LinkListen == "" {
		return nil
	}
	a := &admission{server: s, admitted: map[string]bool{}}
	if a.authority, err = pki.OpenLinkAuthority(s.directory.join("pki", "link"), time.Now()); err != nil {
		return err
	}
	if a.listener, err = s.directory.listen("--link-listen", s.config.LinkListen, &s.directory.choices.LinkPort); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return ignoreClosed(a.listener.Close()) })
	host, _, err := net.SplitHostPort(s.config.LinkListen)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(a.listener.Addr().String())
	if err != nil {
		return err
	}
	if s.config.LinkHost != "" {
		host = s.config.LinkHost
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return orrery.Errorf(orrery.Invalid, "satellites have to be told a host at which they reach --link-listen %s: name it with --link-host", s.config.LinkListen)
	}
	a.address = net.JoinHostPort(host, port)
	s.admission = a
	return nil
}

// registered returns the satellites that have registered.
func (s *Server) registered(ctx context.Context) (ids []string, err error) {
	err = s.store.View(ctx, func(tx store.Tx) error {
		ids = nil
		for q := (store.Query{}); ; {
			page, err := tx.Satellites().List(q)
			if err != nil {
				return err
			}
			for _, satellite := range page.Rows {
				if satellite.Registration != nil {
					ids = append(ids, satellite.ID)
				}
			}
			if q.After = page.Next; q.After == "" {
				return nil
			}
		}
	})
	return ids, err
}

// openDoor lets satellites in; those that have registered before too.
func (s *Server) openDoor(ctx context.Context) error {
	a := s.admission
	if a == nil {
		return nil
	}
	ids, err := s.registered(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		a.admitted[id] = true
	}
	access, err := s.substrate.Access(ctx, controlCluster)
	if err != nil {
		return err
	}
	if len(access.Seeds) != 1 {
		return fmt.Errorf("%s has %d brokers, and only one can be reached from outside", controlCluster, len(access.Seeds))
	}
	host, _, err := net.SplitHostPort(a.address)
	if err != nil {
		return err
	}
	names, err := certificateNames(host)
	if err != nil {
		return err
	}
	presented := &renewing{signer: s.root.signer.Load, names: names}
	entrance, err := door.New(door.Config{
		Dial:       func(ctx context.Context) (net.Conn, error) { return access.Dial(ctx, "tcp", access.Seeds[0]) },
		Advertised: a.address, Certificate: presented.certificate, Clients: a.authority.Root(), Admitted: a.isAdmitted, Logger: s.log,
	})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = entrance.Serve(a.listener) // it always says that the listener is closed
	}()
	s.onClose(func(context.Context) error {
		err := entrance.Close()
		<-ended
		return err
	})
	return nil
}

// linked are the satellites that have a part of the link.
func (s *Server) linked(ctx context.Context) ([]string, error) {
	ids, err := s.registered(ctx)
	return append(ids, s.directory.choices.SatelliteID), err
}

// admissionOrNil is what the mothership gets.
func (s *Server) admissionOrNil() mothership.Admission {
	if s.admission == nil {
		return nil
	}
	return s.admission
}

func (a *admission) isAdmitted(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.admitted[id]
}

// CheckRequest implements mothership.Admission.
func (a *admission) CheckRequest(request string) (string, error) {
	key, err := pki.RequestedKey(request)
	return string(key), err
}

// Admit implements mothership.Admission.
func (a *admission) Admit(ctx context.Context, id string) ([]string, error) {
	if err := a.server.link.AddSatellite(ctx, id); err != nil {
		return nil, &orrery.Error{Code: orrery.Unavailable, Message: "the control plane's own Kafka cannot take a satellite at the moment", Err: err}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.admitted[id] = true
	return []string{a.address}, nil
}

// Signer implements mothership.Admission.
func (a *admission) Signer() string {
	return orrery.Hash([]byte(a.server.root.Describe().CAFile))
}

// Certify implements mothership.Admission.
func (a *admission) Certify(id string, r orrery.Registration, now time.Time) (c orrery.SatelliteCertificates, err error) {
	names := pki.Loopback() // so that names of neither kind are free
	names.DNS = append(names.DNS, r.DNSNames...)
	for _, address := range r.IPAddresses {
		if ip := net.ParseIP(address); !ip.IsLoopback() {
			names.IPs = append(names.IPs, ip)
		}
	}
	root := a.server.root
	root.mu.Lock()
	defer root.mu.Unlock()
	c = orrery.SatelliteCertificates{CAFile: root.roots.Describe().CAFile, IssuedAt: now.UTC()}
	c.Signer = orrery.Hash([]byte(c.CAFile))
	identity, expires, err := a.authority.SignClient(r.IdentityRequest, id, controlCluster, now)
	if err != nil {
		return c, err
	}
	c.Identity, c.IdentityExpires = string(identity), expires
	authority, expires, err := root.roots.Signer().SignAuthority(r.AuthorityRequest, id, names, now)
	if err != nil {
		return c, err
	}
	c.Authority, c.AuthorityExpires = string(authority), expires
	return c, nil
}

// linkTLS is how a satellite comes to the link: with its identity, and to who is signed by the roots that it trusts at
// the time.
func linkTLS(identity *pki.Reloader, trusted func() *tls.Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		config := trusted()
		config.MinVersion, config.GetClientCertificate = tls.VersionTLS13, identity.GetClientCertificate
		return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
	}
}
