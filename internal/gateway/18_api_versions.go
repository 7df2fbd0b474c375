package gateway

import (
	"context"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ApiVersions: v0-5
//
// Behavior:
// * Answered by the gateway: what it and the brokers both offer. Allowed before authentication.
// * A version that is not known is answered UNSUPPORTED_VERSION in version 0, with the versions of ApiVersions, so
// that the client asks again (KIP-511).
// * Produce is announced from version 0, as brokers do: librdkafka takes its absence for a broker without message
// formats newer than those of 2015. Requests below version 3 are not served.
// * Of the features, those that clients act on are passed on.
// * The node and, on an authenticated connection, the cluster that the client expects (KIP-1242) must be this one,
// else REBOOTSTRAP_REQUIRED. An unauthenticated client does not learn which clusters are here.
//
// Version notes:
// * v3: client software, features, flexible versions
// * v4: features whose minimum is 0
// * v5: cluster id and node id
func apiVersions(_ context.Context, s *session, r *kmsg.ApiVersionsRequest) (step, error) {
	response := r.ResponseKind().(*kmsg.ApiVersionsResponse)
	if code := apiVersionsError(s, r); code != 0 {
		response.ErrorCode = code
		return answered(response), nil
	}
	t := s.gateway.table.Load()
	for _, entry := range t.entries {
		if entry == nil {
			continue
		}
		key := apiKeyOf(entry)
		if entry.key == kmsg.Produce.Int16() {
			key.MinVersion = 0
		}
		response.ApiKeys = append(response.ApiKeys, key)
	}
	if r.Version >= 3 {
		passFeatures(t.engine, response)
	}
	return answered(response), nil
}

func apiKeyOf(entry *tableEntry) kmsg.ApiVersionsResponseApiKey {
	key := kmsg.NewApiVersionsResponseApiKey()
	key.ApiKey, key.MinVersion, key.MaxVersion = entry.key, entry.min, entry.max
	return key
}

// softwareName is what KIP-511 allows as the name and version of a client.
var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func apiVersionsError(s *session, r *kmsg.ApiVersionsRequest) int16 {
	if r.Version >= 3 && !(softwareName.MatchString(r.ClientSoftwareName) && softwareName.MatchString(r.ClientSoftwareVersion)) {
		return kerr.InvalidRequest.Code
	}
	if r.Version < 5 {
		return 0
	}
	namesCluster, namesNode := r.ClusterID != nil, r.NodeID != -1
	switch {
	case namesCluster != namesNode:
		return kerr.InvalidRequest.Code
	case namesNode && r.NodeID != s.node,
		namesCluster && s.LogicalClusterID != "" && *r.ClusterID != s.clusterID():
		return kerr.RebootstrapRequired.Code
	}
	return 0
}

// clientFeatures are the features (KIP-584) that change what a client does: transaction.version makes a producer
// use the second transaction protocol, group.version says that KIP-848 groups are on.
var clientFeatures = []string{"group.version", "transaction.version"}

func passFeatures(engine, response *kmsg.ApiVersionsResponse) {
	for _, f := range engine.SupportedFeatures {
		if slices.Contains(clientFeatures, f.Name) && (response.Version >= 4 || f.MinVersion > 0) {
			response.SupportedFeatures = append(response.SupportedFeatures, f)
		}
	}
	for _, f := range engine.FinalizedFeatures {
		if slices.Contains(clientFeatures, f.Name) {
			response.FinalizedFeatures = append(response.FinalizedFeatures, f)
		}
	}
	response.FinalizedFeaturesEpoch = engine.FinalizedFeaturesEpoch
}

// unsupportedApiVersions answers a version that is not known.
func unsupportedApiVersions() kmsg.Response {
	response := kmsg.NewPtrApiVersionsResponse()
	response.ErrorCode = kerr.UnsupportedVersion.Code
	key := kmsg.NewApiVersionsResponseApiKey()
	key.ApiKey, key.MaxVersion = kmsg.ApiVersions.Int16(), maxApiVersions
	response.ApiKeys = []kmsg.ApiVersionsResponseApiKey{key}
	return response
}

const maxApiVersions = 5
