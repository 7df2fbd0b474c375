package scram_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sasl"
	client "github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/internal/scram"
)

const keyID, secret = "ABCDEFGH12345678", "s3cret-s3cret-s3cret"

var mechanisms = []string{scram.SHA256, scram.SHA512}

func newServer(t testing.TB, fill byte) *scram.Server {
	t.Helper()
	s, err := scram.NewServer(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newLookup knows one key, with the verifiers that the control plane makes.
func newLookup(t testing.TB) func(string) (orrery.Verifiers, bool) {
	t.Helper()
	verifiers, err := orrery.NewVerifiers(rand.Reader, secret)
	if err != nil {
		t.Fatal(err)
	}
	return func(id string) (orrery.Verifiers, bool) {
		if id != keyID {
			return orrery.Verifiers{}, false
		}
		return verifiers, true
	}
}

func franz(mechanism, user, pass string) sasl.Mechanism {
	auth := client.Auth{User: user, Pass: pass}
	if mechanism == scram.SHA256 {
		return auth.AsSha256Mechanism()
	}
	return auth.AsSha512Mechanism()
}

// login runs franz-go's client against a conversation; the client checks the server's signature.
func login(t testing.TB, s *scram.Server, mechanism, user, pass string, lookup func(string) (orrery.Verifiers, bool)) (*scram.Conversation, error) {
	t.Helper()
	conversation, err := s.Start(mechanism, lookup)
	if err != nil {
		t.Fatal(err)
	}
	session, message, err := franz(mechanism, user, pass).Authenticate(t.Context(), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		answer, done, err := conversation.Step(message)
		if err != nil {
			return conversation, err
		}
		finished, next, err := session.Challenge(answer)
		if err != nil || finished != done {
			t.Fatalf("the client says %v, %v; the server %v", finished, err, done)
		}
		if done {
			return conversation, nil
		}
		message = next
	}
	t.Fatal("the conversation does not end")
	return nil, nil
}

func TestAKeyLogsInWithEachMechanism(t *testing.T) {
	lookup, server := newLookup(t), newServer(t, 1)
	for _, mechanism := range mechanisms {
		conversation, err := login(t, server, mechanism, keyID, secret, lookup)
		if err != nil || conversation.User() != keyID {
			t.Errorf("%s: %q, %v", mechanism, conversation.User(), err)
		}
		if _, _, err := conversation.Step([]byte("c=biws,r=x,p=AA==")); !errors.Is(err, scram.ErrMalformed) {
			t.Errorf("%s: a message after the end: %v", mechanism, err)
		}
		if _, err := login(t, server, mechanism, keyID, secret+"x", lookup); err != scram.ErrRefused {
			t.Errorf("%s: a wrong secret: %v", mechanism, err)
		}
		if _, err := login(t, server, mechanism, "NOSUCHKEY1234567", secret, lookup); err != scram.ErrRefused {
			t.Errorf("%s: an unknown key: %v", mechanism, err)
		}
		none := func(string) (orrery.Verifiers, bool) { return orrery.Verifiers{}, true }
		if _, err := login(t, server, mechanism, keyID, secret, none); err != scram.ErrRefused {
			t.Errorf("%s: a key without verifiers: %v", mechanism, err)
		}
	}
}

// first returns the salt and the rest of the server's first message.
func first(t testing.TB, s *scram.Server, mechanism, user string, lookup func(string) (orrery.Verifiers, bool)) (salt, iterations string) {
	t.Helper()
	conversation, err := s.Start(mechanism, lookup)
	if err != nil {
		t.Fatal(err)
	}
	answer, done, err := conversation.Step([]byte("n,,n=" + user + ",r=nonce"))
	fields := strings.Split(string(answer), ",")
	if err != nil || done || len(fields) != 3 || !strings.HasPrefix(fields[0], "r=nonce") || !strings.HasPrefix(fields[1], "s=") {
		t.Fatalf("the first answer is %q, %v, %v", answer, done, err)
	}
	return fields[1][2:], fields[2]
}

func TestAnUnknownKeyLooksLikeAKnownOne(t *testing.T) {
	lookup, server := newLookup(t), newServer(t, 1)
	seen := map[string]string{}
	for _, mechanism := range mechanisms {
		known, knownIterations := first(t, server, mechanism, keyID, lookup)
		for _, user := range []string{"NOSUCHKEY1234567", "NOSUCHKEY1234568"} {
			salt, iterations := first(t, server, mechanism, user, lookup)
			if again, _ := first(t, newServer(t, 1), mechanism, user, lookup); again != salt {
				t.Errorf("%s: the salt of %s changes from %s to %s", mechanism, user, salt, again)
			}
			if other, _ := first(t, newServer(t, 2), mechanism, user, lookup); other == salt {
				t.Errorf("%s: the salt of %s does not depend on the server's key", mechanism, user)
			}
			if len(salt) != len(known) || iterations != knownIterations {
				t.Errorf("%s: %s with %s, a known key has %s with %s", mechanism, salt, iterations, known, knownIterations)
			}
			if before, twice := seen[salt]; twice {
				t.Errorf("%s has the salt of %s", user+mechanism, before)
			}
			seen[salt] = user + mechanism
		}
	}
}

// The example of RFC 7677, section 3.
func TestRFC7677(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	verifiers, err := orrery.NewVerifiers(bytes.NewReader(bytes.Repeat(salt, 3)), "pencil")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t, 1).WithNonce("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
	conversation, err := server.Start(scram.SHA256, func(user string) (orrery.Verifiers, bool) { return verifiers, user == "user" })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		client, server string
		done           bool
	}{
		{"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", false},
		{"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", true},
	} {
		answer, done, err := conversation.Step([]byte(step.client))
		if err != nil || done != step.done || string(answer) != step.server {
			t.Fatalf("%q: %q, %v, %v", step.client, answer, done, err)
		}
	}
}

func TestMalformedMessages(t *testing.T) {
	lookup, server := newLookup(t), newServer(t, 1)
	for _, message := range []string{
		"", "n", "n,,", "n,,n=a", "x,,n=a,r=b", "n,,m=1,n=a,r=b", "n,,n=a=b,r=b", "n,b,n=a,r=b", "n,,r=b,n=a",
		"p=tls-unique,,n=a,r=b", "p=unknown,,n=a,r=b", "n,a=other," + "n=" + keyID + ",r=b",
		"n,,n=a,r=b\x00", "n,,n=a\xff,r=b", "n,,n=" + strings.Repeat("a", scram.MaxMessage) + ",r=b",
	} {
		conversation, err := server.Start(scram.SHA256, lookup)
		if err != nil {
			t.Fatal(err)
		}
		answer, done, err := conversation.Step([]byte(message))
		if !errors.Is(err, scram.ErrMalformed) || done || answer != nil {
			t.Errorf("%.60q: %q, %v, %v", message, answer, done, err)
		}
		if _, _, again := conversation.Step([]byte("n,,n=" + keyID + ",r=b")); again != err {
			t.Errorf("%.60q: the conversation goes on: %v", message, again)
		}
	}
	if _, err := server.Start("SCRAM-SHA-1", lookup); err == nil {
		t.Error("SCRAM-SHA-1 is offered")
	}
	if _, err := scram.NewServer(make([]byte, 31)); err == nil {
		t.Error("a short key is taken")
	}
}

func TestActingAsOneself(t *testing.T) {
	conversation, err := newServer(t, 1).Start(scram.SHA512, newLookup(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := conversation.Step([]byte("n,a=" + keyID + ",n=" + keyID + ",r=b")); err != nil {
		t.Errorf("the own name as authorization id: %v", err)
	}
}

// FuzzProof changes the client's final message in every place: nothing but the original logs in.
func FuzzProof(f *testing.F) {
	server, lookup := newServer(f, 1).WithNonce("server"), newLookup(f)
	f.Add(uint16(0), byte(1), []byte("n,,n=a,r=b"), []byte("c=biws,r=b,p=AA=="))
	f.Add(uint16(90), byte(0x20), []byte("y,,n=,r="), []byte("c=eSws,r=server,x=y,p="))
	f.Fuzz(func(t *testing.T, at uint16, flip byte, opening, closing []byte) {
		conversation, err := server.Start(scram.SHA256, lookup)
		if err != nil {
			t.Fatal(err)
		}
		session, message, err := franz(scram.SHA256, keyID, secret).Authenticate(t.Context(), "localhost")
		if err != nil {
			t.Fatal(err)
		}
		answer, _, err := conversation.Step(message)
		if err != nil {
			t.Fatal(err)
		}
		_, final, err := session.Challenge(answer)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(final)
		changed[int(at)%len(changed)] ^= flip
		_, done, err := conversation.Step(changed)
		// The last bits of base64 may be padding that decoding does not see; that is the same proof.
		same := bytes.Equal(changed, final) || int(at)%len(final) >= len(final)-2
		if done != (err == nil) || done && !same {
			t.Fatalf("%q logs in for %q", changed, final)
		}
		other, err := server.Start(scram.SHA512, lookup)
		if err != nil {
			t.Fatal(err)
		}
		if _, done, err := other.Step(opening); done {
			t.Fatalf("%q logs in: %v", opening, err)
		}
		if _, done, err := other.Step(closing); done {
			t.Fatalf("%q and %q log in: %v", opening, closing, err)
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	server, lookup := newServer(b, 1), newLookup(b)
	for b.Loop() {
		conversation, err := server.Start(scram.SHA512, lookup)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := conversation.Step([]byte("n,,n=NOSUCHKEY1234567,r=nonce")); err != nil {
			b.Fatal(err)
		}
	}
}
