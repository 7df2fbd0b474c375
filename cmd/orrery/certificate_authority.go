package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) certificateAuthorityCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "certificate-authority", Aliases: []string{"certificate-authorities", "ca"}, Short: "Let the client certificates of your own certificate authority log in",
		Long: `A certificate authority is one of your own, whose client certificates log in to Kafka
clusters with mutual TLS (security.protocol=SSL), without an API key. To which cluster, and
what they may do there, is said of its certificate pools.

The chain is a PEM file with every certificate that signs those of clients: what a client
sends along is not looked at. A key can sign for one organization only.`,
		Example: `orrery certificate-authority create ours --chain ca-chain.pem
orrery certificate-pool create apps --authority ours --cluster demo --filter 'O == "Example" && CN.startsWith("svc-")'`,
	},
		p.certificateAuthorityCreateCommand(), p.certificateAuthorityListCommand(), p.certificateAuthorityDescribeCommand(),
		p.certificateAuthorityUpdateCommand(), p.certificateAuthorityDeleteCommand())
}

// maxPEM bounds what is read of a file; the API's own bounds are smaller.
const maxPEM = 1 << 20

// readPEM reads the file of a flag.
func readPEM(flag, file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", usageError("", "--%s: %v", flag, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	switch {
	case err != nil:
		return "", usageError("", "--%s: %v", flag, err)
	case len(text) > maxPEM:
		return "", usageError("it is a PEM file: -----BEGIN CERTIFICATE-----, or -----BEGIN X509 CRL-----", "--%s: %s is larger than 1 MiB", flag, file)
	}
	return string(text), nil
}

// authorityFiles are the flags --chain and --crl.
type authorityFiles struct{ chain, crl string }

func (a *authorityFiles) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.chain, "chain", "", "PEM `FILE` with every certificate that signs those of clients")
	cmd.Flags().StringVar(&a.crl, "crl", "", "PEM `FILE` with their revocation lists")
}

// read fills in what the flags name.
func (a *authorityFiles) read(in *wire.CertificateAuthorityInput) error {
	if a.chain != "" {
		chain, err := readPEM("chain", a.chain)
		if err != nil {
			return err
		}
		name := filepath.Base(a.chain)
		in.CertificateChain, in.CertificateChainFilename = &chain, &name
	}
	if a.crl != "" {
		lists, err := readPEM("crl", a.crl)
		if err != nil {
			return err
		}
		in.CRLChain = &lists
	}
	return nil
}

func (p *program) showCertificateAuthority(a wire.CertificateAuthority) error {
	return p.show(a, func(w io.Writer) {
		lists := "none"
		if a.CRLSource != "" {
			lists = "uploaded"
		}
		details(w, []detail{
			{"ID", a.ID}, {"Name", a.DisplayName}, {"Description", a.Description}, {"Chain", a.CertificateChainFilename}, {"Revocation lists", lists},
			{"Created", timeText(a.Metadata.CreatedAt)}, {"Resource name", a.Metadata.ResourceName},
		})
		io.WriteString(w, "\n")
		rows := make([][]string, len(a.Subjects))
		for i := range rows {
			rows[i] = []string{a.Subjects[i], a.SerialNumbers[i], a.Fingerprints[i], timeText(a.ExpirationDates[i]), daysLeft(a.ExpirationDates[i])}
		}
		table(w, []string{"SUBJECT", "SERIAL NUMBER", "SHA-1", "EXPIRES", "DAYS LEFT"}, rows)
	})
}

// daysLeft is how many whole days there are until a certificate ends; a negative number of one that has.
func daysLeft(ends time.Time) string {
	return strconv.Itoa(int(time.Until(ends).Hours() / 24))
}
