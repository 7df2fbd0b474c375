package oauthbearer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"github.com/orrery-kafka/orrery/internal/oauthbearer"
)

func TestFranzGosMessage(t *testing.T) {
	for _, test := range []struct {
		auth oauth.Auth
		want oauthbearer.Message
	}{
		{oauth.Auth{Token: "a.b-_.c"}, oauthbearer.Message{Token: "a.b-_.c"}},
		{oauth.Auth{Token: "a.b.c", Zid: "me,=", Extensions: map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-1", "x": "y=z"}},
			oauthbearer.Message{Token: "a.b.c", AuthorizationID: "me,=", LogicalCluster: "lkc-1", IdentityPoolID: "pool-1"}},
	} {
		test.auth.Zid = strings.NewReplacer("=", "=3D", ",", "=2C").Replace(test.auth.Zid)
		_, first, err := test.auth.AsMechanism().Authenticate(t.Context(), "localhost")
		if err != nil {
			t.Fatal(err)
		}
		got, err := oauthbearer.ParseMessage(first)
		if got != test.want || err != nil {
			t.Errorf("%q: %+v, %v", first, got, err)
		}
	}
}

func TestParseMessage(t *testing.T) {
	for message, want := range map[string]string{
		"n,,\x01auth=Bearer a.b.c\x01\x01":                           "",
		"n,,\x01logicalCluster=lkc-1\x01auth=bEARER   a.b.c\x01\x01": "",
		"":                                 "GS2 header",
		"n,\x01auth=Bearer a.b.c\x01\x01":  "GS2 header",
		"y,,\x01auth=Bearer a.b.c\x01\x01": "GS2 header",
		"p=tls-unique,,\x01auth=Bearer a.b.c\x01\x01":                                      "GS2 header",
		"n,a=,\x01auth=Bearer a.b.c\x01\x01":                                               "authorization id",
		"n,a=b=2Dc,\x01auth=Bearer a.b.c\x01\x01":                                          "authorization id",
		"n,b=c,\x01auth=Bearer a.b.c\x01\x01":                                              "authorization id",
		"n,,\x01auth=Bearer a.b.c\x01":                                                     "two separators",
		"n,,\x01auth=Bearer a.b.c\x01\x01x":                                                "two separators",
		"n,,\x01\x01\x01":                                                                  "pairs is not valid",
		"n,,\x01auth=Bearer a.b.c\x01auth=Bearer a.b.c\x01\x01":                            "key twice",
		"n,,\x01auth=Bearer a.b.c\x01a1=x\x01\x01":                                         "pairs is not valid",
		"n,,\x01auth=Bearer a.b.c\x01a=\x01\x01":                                           "pairs is not valid",
		"n,,\x01auth=Bearer a.b.c\x01a=\xff\x01\x01":                                       "pairs is not valid",
		"n,,\x01logicalCluster=lkc-1\x01\x01":                                              "no token",
		"n,,\x01auth=Basic a.b.c\x01\x01":                                                  "not a bearer token",
		"n,,\x01auth=Bearer\x01\x01":                                                       "not a bearer token",
		"n,,\x01auth=Bearer a.b.c d\x01\x01":                                               "not a bearer token",
		"n,,\x01auth=Bearer " + strings.Repeat("a", oauthbearer.MaxToken+1) + "\x01\x01":   "its token has",
		"n,,\x01auth=Bearer " + strings.Repeat("a", oauthbearer.MaxMessage+1) + "\x01\x01": "it has",
		"n,,\x01auth=Bearer a.b.c" + many(21) + "\x01\x01":                                 "more than 20 extensions",
	} {
		_, err := oauthbearer.ParseMessage([]byte(message))
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, oauthbearer.ErrMalformed) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80q: %v, want %q", message, err, want)
		}
	}
}

// many returns n extensions with different names.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("\x01x" + strings.Repeat("y", i+1) + "=z")
	}
	return b.String()
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte("n,a=me=2C,\x01auth=Bearer a.b.c\x01logicalCluster=lkc-1\x01\x01"))
	f.Add([]byte("n,,\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := oauthbearer.ParseMessage(b)
		if err != nil {
			if m != (oauthbearer.Message{}) {
				t.Fatalf("%+v comes with the error %v", m, err)
			}
			return
		}
		if m.Token == "" || len(m.Token) > oauthbearer.MaxToken || strings.ContainsAny(m.Token+m.LogicalCluster+m.IdentityPoolID+m.AuthorizationID, "\x00\x01") {
			t.Fatalf("%q is read as %+v", b, m)
		}
	})
}
