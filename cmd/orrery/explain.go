package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/orrery-kafka/orrery"
)

// The explainers turn errors of the system and of libraries into failures; each returns nil for an error that is
// not its own.

func explainInterrupt(err error) *failure {
	if errors.Is(err, context.Canceled) {
		return failed("", "interrupted").because(err)
	}
	return nil
}

func explainDomain(err error) *failure {
	var domain *orrery.Error
	if !errors.As(err, &domain) {
		return nil
	}
	f := failed("", "%s", domain.Message).because(err).withCode(domain.Code)
	if domain.Err != nil {
		f.message += ": " + domain.Err.Error()
	}
	return f
}

func explainDisk(err error) *failure {
	if errors.Is(err, syscall.ENOSPC) {
		return failed("free some space and try again; nothing that was acknowledged is lost", "the disk is full: %v", err).because(err)
	}
	return nil
}

// explainTLS answers the newcomer's mistakes with certificates.
func (p *program) explainTLS(err error) *failure {
	var (
		unknown  x509.UnknownAuthorityError
		wrong    x509.HostnameError
		invalid  x509.CertificateInvalidError
		notTLS   tls.RecordHeaderError
		verified *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		hint := "this server has its own certificate authority: name its CA file with --ca-file or ORRERY_CA_FILE"
		if p.global.caFile != "" {
			hint = "the CA file in use is " + p.global.caFile + ", which is not the one that signed this server's certificate: name the right one with --ca-file or ORRERY_CA_FILE (`orrery up` prints where it is)"
		} else if path := p.adminEnvPath(); path != "" {
			hint += " (`orrery up` prints where it is, and " + path + " holds it)"
		}
		return failed(hint, "the server's certificate is signed by an unknown authority").because(err)
	case errors.As(err, &wrong):
		return failed("use an address that the certificate names: "+strings.Join(certificateNames(wrong.Certificate), ", "),
			"the server's certificate is not for %s", wrong.Host).because(err)
	case errors.As(err, &invalid), errors.As(err, &verified):
		return failed("check this machine's clock, and the server's", "the server's certificate is not valid: %v", err).because(err)
	case errors.As(err, &notTLS):
		return failed("is it an http:// address that was given as https://?", "the server does not speak TLS at this address").because(err)
	}
	return nil
}

func certificateNames(c *x509.Certificate) []string {
	if c == nil {
		return nil
	}
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func (p *program) explainNetwork(err error) *failure {
	var (
		dns     *net.DNSError
		network net.Error
	)
	where := p.global.url
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Addr != nil {
		where = operation.Addr.String()
	}
	switch {
	case errors.As(err, &dns):
		return failed("check --url and ORRERY_URL", "the name %s cannot be resolved", dns.Name).because(err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed("start it with `orrery up`, or name another server with --url or ORRERY_URL", "nothing answers at %s", where).because(err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return failed("is the server up and reachable? `orrery up` says on stderr what it waits for", "%s did not answer in time", where).because(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return failed("is it stopping, or is something else listening there?", "%s closed the connection without an answer", where).because(err)
	}
	return nil
}
