package pki

import (
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/durable"
)

// Beside the directory of the root stands that of another one during a rollover: the next, which does not sign yet, or
// the previous, which vouches for the one that signs. A rename of a directory is what makes a step; where a crash came
// between two of them, opening goes on.
const (
	nextSuffix     = ".next"
	previousSuffix = ".previous"
)

// Roots is the root authority, and during a rollover a second one. It is not for concurrent use.
type Roots struct {
	dir    string
	phase  orrery.RootPhase
	signer *Authority
	other  *Authority // nil in RootSteady
}

// OpenRoots opens the root in dir as OpenRoot does, and what a rollover has put beside it.
func OpenRoots(dir string, now time.Time) (*Roots, error) {
	next, err := exists(dir + nextSuffix)
	if err != nil {
		return nil, err
	}
	previous, err := exists(dir + previousSuffix)
	if err != nil {
		return nil, err
	}
	root, err := exists(dir)
	if err != nil {
		return nil, err
	}
	if next && previous && !root { // between the renames of RootIssue
		if err := rename(dir+nextSuffix, dir); err != nil {
			return nil, err
		}
		next = false
	}
	r := &Roots{dir: dir, phase: orrery.RootSteady}
	if r.signer, err = OpenRoot(dir, now); err != nil {
		return nil, err
	}
	switch {
	case next && previous:
		return nil, fmt.Errorf("pki: %s and %s are both there, and one of them should not be: move away what you do not need", dir+nextSuffix, dir+previousSuffix)
	case next:
		r.phase = orrery.RootTrusting
		r.other, err = openSecond(dir+nextSuffix, now)
	case previous:
		r.phase = orrery.RootIssuing
		if r.other, err = openSecond(dir+previousSuffix, now); err == nil {
			err = r.vouch(now)
		}
	}
	return r, err
}

// openSecond opens a root that must be there.
func openSecond(dir string, now time.Time) (*Authority, error) {
	nothing, err := empty(dir)
	switch {
	case err != nil:
		return nil, err
	case nothing:
		return nil, fmt.Errorf("pki: %s is empty: remove it, or restore it from a backup", dir)
	}
	return OpenRoot(dir, now)
}

// Phase is how far a rollover is.
func (r *Roots) Phase() orrery.RootPhase { return r.phase }

// Signer returns the root that signs. What it signs is sent with the old root's word for it as long as there is one, so
// that clients that trust only the old one go on.
func (r *Roots) Signer() *Authority { return r.signer }

// Describe returns the roots and what clients are to trust.
func (r *Roots) Describe() orrery.RootAuthority {
	out := orrery.RootAuthority{Phase: r.phase}
	for _, a := range []*Authority{r.signer, r.other} {
		if a == nil {
			continue
		}
		hash := sha1.Sum(a.root.Raw) // as for all certificates in the API
		out.Certificates = append(out.Certificates, orrery.AuthorityCertificate{
			Subject: a.root.Subject.String(), Fingerprint: hex.EncodeToString(hash[:]), SerialNumber: a.root.SerialNumber.Text(16), ExpiresAt: a.root.NotAfter,
		})
		out.CAFile += string(a.RootPEM())
	}
	return out
}

// Step makes a step of a rollover, durably; one that was made already does nothing. After it, what was signed before is
// to be signed anew.
func (r *Roots) Step(step orrery.RootStep, now time.Time) error {
	next, todo, err := r.phase.After(step)
	if err != nil || !todo {
		return err
	}
	switch step {
	case orrery.RootTrust:
		err = r.trust(now)
	case orrery.RootIssue:
		err = r.issue()
	case orrery.RootDrop:
		err = r.drop()
	}
	if err != nil {
		return err
	}
	fresh, err := OpenRoots(r.dir, now)
	if err != nil {
		return err
	}
	if *r = *fresh; r.phase != next {
		return fmt.Errorf("pki: after the step %s the rollover is %s", step, r.phase)
	}
	return nil
}

func (r *Roots) trust(now time.Time) error {
	if r.signer.root.MaxPathLen < rootPathLen {
		return orrery.Errorf(orrery.Conflict, "the root in %s was made by an older version of this program and cannot vouch for another one; move the directory away to make a new root, and give every client the new CA file", r.dir)
	}
	certificate, key, err := newRoot("Orrery root CA of "+now.UTC().Format(time.RFC3339), now)
	if err != nil {
		return err
	}
	return save(r.dir+nextSuffix, encodeCertificate(certificate.Raw), key)
}

func (r *Roots) issue() error {
	if err := rename(r.dir, r.dir+previousSuffix); err != nil {
		return err
	}
	return rename(r.dir+nextSuffix, r.dir)
}

// drop takes the previous root away at once: a directory that is half removed must not be opened.
func (r *Roots) drop() error {
	dropped := r.dir + ".dropped"
	if err := os.RemoveAll(dropped); err != nil {
		return fmt.Errorf("pki: removing what is left of an earlier root: %w", err)
	}
	if err := rename(r.dir+previousSuffix, dropped); err != nil {
		return err
	}
	if err := os.RemoveAll(dropped); err != nil {
		return fmt.Errorf("pki: removing the previous root: %w", err)
	}
	return nil
}

// vouch has the previous root sign the key of the one that signs now, which is sent with what that signs.
func (r *Roots) vouch(now time.Time) error {
	root, old := r.signer.root, r.other
	template, err := newTemplate("", now, old.root.NotAfter)
	if err != nil {
		return err
	}
	template.RawSubject, template.SubjectKeyId = root.RawSubject, root.SubjectKeyId
	template.IsCA, template.MaxPathLen = true, rootPathLen-1
	template.KeyUsage = root.KeyUsage
	der, err := x509.CreateCertificate(rand.Reader, template, old.certificate, root.PublicKey, old.key)
	if err != nil {
		return fmt.Errorf("pki: the previous root vouching for the next: %w", err)
	}
	r.signer.chain = [][]byte{der}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pki: looking for %s: %w", path, err)
	}
	return true, nil
}

func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("pki: a step of the rollover: %w", err)
	}
	if err := durable.SyncDirectory(filepath.Dir(to)); err != nil {
		return fmt.Errorf("pki: a step of the rollover: %w", err)
	}
	return nil
}
