package embedded

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/orrery-kafka/orrery"
)

// admin is the first user's Cloud API key. Its secret is in admin.env and nowhere else: the store keeps
// verifiers only.
type admin struct {
	keyID, secret string
}

// loadAdmin reads the key from admin.env, or draws one. The file is written before the store learns of the key,
// so a crash between the two leaves a key that the next start registers.
func (d *directory) loadAdmin() (admin, error) {
	content, err := os.ReadFile(d.join("admin.env"))
	if errors.Is(err, fs.ErrNotExist) {
		return drawAdmin()
	}
	if err != nil {
		return admin{}, directoryError(d.path, err)
	}
	var a admin
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		switch name {
		case "ORRERY_API_KEY":
			a.keyID = value
		case "ORRERY_API_SECRET":
			a.secret = value
		}
	}
	if a.keyID == "" || a.secret == "" {
		return admin{}, orrery.Errorf(orrery.Invalid, "%s lacks ORRERY_API_KEY or ORRERY_API_SECRET: restore the file from a backup; the secret is kept nowhere else", d.join("admin.env"))
	}
	return a, nil
}

func drawAdmin() (admin, error) {
	id, err := orrery.NewAPIKeyID(rand.Reader)
	if err != nil {
		return admin{}, err
	}
	secret, err := orrery.NewSecret(rand.Reader)
	return admin{keyID: id, secret: secret}, err
}

// saveAdmin writes admin.env, complete, before the API serves.
func (d *directory) saveAdmin(a admin, url, caFile string) error {
	content := fmt.Sprintf("ORRERY_URL=%s\nORRERY_API_KEY=%s\nORRERY_API_SECRET=%s\nORRERY_CA_FILE=%s\n", url, a.keyID, a.secret, caFile)
	if old, err := os.ReadFile(d.join("admin.env")); err == nil && string(old) == content {
		return nil
	}
	return writeFile(d.join("admin.env"), []byte(content), 0o600)
}
