package orrery

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// TestSCRAMVector checks the derivation with the exchange of RFC 7677, section 3: user "user", password "pencil".
func TestSCRAMVector(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	v, err := newSCRAM(sha256.New, salt, "pencil")
	if err != nil {
		t.Fatal(err)
	}
	message := "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	signature := base64.StdEncoding.EncodeToString(mac(sha256.New, v.ServerKey, message))
	if want := "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="; signature != want {
		t.Errorf("server signature %s, want %s", signature, want)
	}
	proof, err := base64.StdEncoding.DecodeString("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range mac(sha256.New, v.StoredKey, message) {
		proof[i] ^= b // now the client key
	}
	if got := sha256.Sum256(proof); !bytes.Equal(got[:], v.StoredKey) {
		t.Error("the stored key does not accept the RFC's proof")
	}
}

func TestVerifiers(t *testing.T) {
	secret, err := NewSecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifiers(rand.Reader, secret)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Plain.Matches(secret) {
		t.Error("the verifier refuses its own secret")
	}
	for _, wrong := range []string{"", secret + "x", strings.ToUpper(secret), secret[1:]} {
		if v.Plain.Matches(wrong) {
			t.Errorf("the verifier accepts %q", wrong)
		}
	}
	if (PlainVerifier{}).Matches("") {
		t.Error("the zero verifier accepts the empty secret")
	}
	document, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(document), secret) {
		t.Error("the verifiers hold the secret")
	}
	if bytes.Equal(v.SCRAMSHA256.Salt, v.SCRAMSHA512.Salt) || bytes.Equal(v.SCRAMSHA256.Salt, v.Plain.Salt) {
		t.Error("two verifiers share a salt")
	}
	if _, err := NewVerifiers(strings.NewReader("short"), secret); err == nil {
		t.Error("verifiers without randomness")
	}
}
