package embedded

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/pki"
)

// listenAPI opens the API's plain listener, which is for loopback only: everything else has to encrypt.
func (d *directory) listenAPI(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, orrery.Errorf(orrery.Invalid, "--listen %q is not HOST:PORT: %v", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, orrery.Errorf(orrery.Invalid, "--listen %s would send API keys in clear over the network: use --tls-listen %s, and keep --listen on 127.0.0.1", address, address)
	}
	return d.listen("--listen", address, &d.choices.APIPort)
}

// listenTLS opens the API's listener for other hosts; its certificate is signed by the root that signs at the time.
func (d *directory) listenTLS(address string, signer func() *pki.Authority) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, orrery.Errorf(orrery.Invalid, "--tls-listen %q is not HOST:PORT: %v", address, err)
	}
	names, err := certificateNames(host)
	if err != nil {
		return nil, err
	}
	l, err := d.listen("--tls-listen", address, &d.choices.TLSPort)
	if err != nil {
		return nil, err
	}
	reloader := &renewing{signer: signer, names: names}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: reloader.certificate, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// listen opens a listener. Port 0 becomes a port that is chosen once and stored, so that addresses survive a
// restart.
func (d *directory) listen(flag, address string, chosen *int) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "0" && *chosen != 0 {
		port = strconv.Itoa(*chosen)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, orrery.Errorf(orrery.Conflict, "%s is taken by another program (`ss -ltnp 'sport = :%s'` shows which): stop that one, or choose another address with %s", net.JoinHostPort(host, port), port, flag)
	case err != nil:
		return nil, fmt.Errorf("opening %s %s: %w", flag, address, err)
	}
	if _, port, _ := net.SplitHostPort(address); port == "0" && *chosen == 0 {
		*chosen = l.Addr().(*net.TCPAddr).Port
		if err := d.save(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// certificateNames is what the API's certificate is for: the host that it listens on, and for a wildcard every
// address of this machine.
func certificateNames(host string) (pki.Names, error) {
	names := pki.Loopback()
	ip := net.ParseIP(host)
	switch {
	case host != "" && ip == nil:
		names.DNS = append(names.DNS, host)
	case host != "" && !ip.IsUnspecified():
		names.IPs = append(names.IPs, ip)
	default:
		addresses, err := net.InterfaceAddrs()
		if err != nil {
			return names, fmt.Errorf("listing this machine's addresses: %w", err)
		}
		for _, a := range addresses {
			if network, ok := a.(*net.IPNet); ok && !network.IP.IsLoopback() {
				names.IPs = append(names.IPs, network.IP)
			}
		}
	}
	return names, nil
}

// renewing issues the API's certificate, and renews it in place with a third of its life left and when another root
// signs.
type renewing struct {
	signer func() *pki.Authority
	names  pki.Names
	pki.Reloader

	mu sync.Mutex
	by *pki.Authority // the certificate's
}

func (r *renewing) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, signer := time.Now(), r.signer()
	if c, ok := r.Current(); !ok || r.by != signer || pki.NeedsRenewal(c.Issued, c.Expires, now) {
		c, err := signer.Issue("orrery", r.names, now)
		if err != nil {
			return nil, err
		}
		r.by = signer
		r.Swap(c)
	}
	return r.GetCertificate(hello)
}
