package gateway

import (
	"bytes"
	"reflect"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deniedLabel stands for every key that is not offered in the metrics by API.
const deniedLabel = "denied"

// deniedKey is the API key that its entry in a table has.
const deniedKey = -1

// denial answers a request whose key is not offered, as a broker answers a version that it does not know; clients
// that look at ApiVersions never send one. It returns nil where the protocol has no such answer, for a key or
// version that nobody knows and for a response without an error of its own: then the connection is closed, which is
// what a broker does too. The request is not decoded.
func denial(key, version int16) kmsg.Response {
	request := kmsg.RequestForKey(key)
	if request == nil || version < 0 || version > request.MaxVersion() {
		return nil
	}
	request.SetVersion(version)
	response := request.ResponseKind()
	fields := reflect.ValueOf(response).Elem()
	code := fields.FieldByName("ErrorCode")
	if !code.IsValid() || code.Kind() != reflect.Int16 {
		return nil
	}
	without := response.AppendTo(nil)
	code.SetInt(int64(kerr.UnsupportedVersion.Code))
	if bytes.Equal(response.AppendTo(nil), without) {
		return nil // the field came with a later version
	}
	if message := fields.FieldByName("ErrorMessage"); message.IsValid() && message.Type() == reflect.TypeFor[*string]() {
		message.Set(reflect.ValueOf(kmsg.StringPtr(kmsg.NameForKey(key) + " is not offered here.")))
	}
	return response
}
