import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.internals.PluginMetricsImpl;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.common.utils.SecurityUtils;
import org.apache.kafka.metadata.authorizer.StandardAcl;
import org.apache.kafka.metadata.authorizer.StandardAuthorizer;
import org.apache.kafka.security.authorizer.AclEntry;
import org.apache.kafka.server.authorizer.Action;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;
import org.apache.kafka.server.authorizer.AuthorizationResult;

/**
 * Answers, with Apache Kafka's own classes, what the test asks: a line of JSON on standard input has a set of ACLs and
 * questions about it, and a line of JSON on standard output has one character for each question: A(llowed), D(enied),
 * E(rror); for a filter and an ACL 1 (selected) or 0; for an ACL to be created V(alid) or R(efused).
 */
public class StandardAuthorizerAnswers {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Metrics METRICS = new Metrics();
    static int worlds;

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
        out.flush();
    }

    static Map<String, String> answer(JsonNode world) throws Exception {
        StandardAuthorizer authorizer = new StandardAuthorizer();
        authorizer.configure(Map.of(StandardAuthorizer.ALLOW_EVERYONE_IF_NO_ACL_IS_FOUND_CONFIG, "false"));
        authorizer.withPluginMetrics(new PluginMetricsImpl(METRICS, Map.of("world", String.valueOf(worlds++))));
        Map<Uuid, StandardAcl> acls = new LinkedHashMap<>();
        Set<AclBinding> distinct = new LinkedHashSet<>();
        for (JsonNode acl : world.path("acls")) {
            distinct.add(binding(acl));
        }
        for (AclBinding acl : distinct) {
            acls.put(Uuid.randomUuid(), StandardAcl.fromAclBinding(acl));
        }
        authorizer.loadSnapshot(acls);
        authorizer.completeInitialLoad();

        StringBuilder authorized = new StringBuilder();
        for (JsonNode request : world.path("authorize")) {
            authorized.append(authorize(authorizer, request));
        }
        StringBuilder byType = new StringBuilder();
        for (JsonNode request : world.path("by_resource_type")) {
            AuthorizationResult result = authorizer.authorizeByResourceType(
                context(request), operation(request), ResourceType.valueOf(request.get("resource_type").asText()));
            byType.append(result == AuthorizationResult.ALLOWED ? 'A' : 'D');
        }
        StringBuilder selected = new StringBuilder();
        for (JsonNode filter : world.path("filters")) {
            AclBindingFilter f = filter(filter);
            for (JsonNode acl : world.path("acls")) {
                selected.append(f.matches(binding(acl)) ? '1' : '0');
            }
        }
        StringBuilder valid = new StringBuilder();
        for (JsonNode acl : world.path("create")) {
            valid.append(validate(acl));
        }
        StringBuilder supported = new StringBuilder();
        for (JsonNode type : world.path("supported")) {
            int bits = 0;
            for (AclOperation operation : AclEntry.supportedOperations(ResourceType.valueOf(type.asText()))) {
                bits |= 1 << operation.code();
            }
            supported.append(bits).append(' ');
        }
        authorizer.close();
        return Map.of("authorize", authorized.toString(), "by_resource_type", byType.toString(), "filters", selected.toString(),
            "create", valid.toString(), "supported", supported.toString());
    }

    static char authorize(StandardAuthorizer authorizer, JsonNode request) throws Exception {
        ResourcePattern resource = new ResourcePattern(
            ResourceType.valueOf(request.get("resource_type").asText()), request.get("resource_name").asText(), PatternType.LITERAL);
        try {
            List<AuthorizationResult> results =
                authorizer.authorize(context(request), List.of(new Action(operation(request), resource, 1, true, true)));
            return results.get(0) == AuthorizationResult.ALLOWED ? 'A' : 'D';
        } catch (RuntimeException e) {
            return 'E';
        }
    }

    static char validate(JsonNode acl) throws Exception {
        Method validateNewAcl = Class.forName("org.apache.kafka.controller.AclControlManager").getDeclaredMethod("validateNewAcl", AclBinding.class);
        validateNewAcl.setAccessible(true);
        try {
            validateNewAcl.invoke(null, binding(acl));
            return 'V';
        } catch (InvocationTargetException | IllegalArgumentException e) { // a constructor refuses what may be in a filter only
            return 'R';
        }
    }

    static AclOperation operation(JsonNode node) {
        return AclOperation.valueOf(node.get("operation").asText());
    }

    static AclBinding binding(JsonNode acl) {
        return new AclBinding(
            new ResourcePattern(ResourceType.valueOf(acl.get("resource_type").asText()), acl.get("resource_name").asText(),
                PatternType.valueOf(acl.get("pattern_type").asText())),
            new AccessControlEntry(acl.get("principal").asText(), acl.get("host").asText(), operation(acl),
                AclPermissionType.valueOf(acl.get("permission").asText())));
    }

    static AclBindingFilter filter(JsonNode filter) {
        return new AclBindingFilter(
            new ResourcePatternFilter(ResourceType.valueOf(filter.get("ResourceType").asText()), filter.get("ResourceName").textValue(),
                PatternType.valueOf(filter.get("PatternType").asText())),
            new AccessControlEntryFilter(filter.get("Principal").textValue(), filter.get("Host").textValue(),
                AclOperation.valueOf(filter.get("Operation").asText()), AclPermissionType.valueOf(filter.get("Permission").asText())));
    }

    static AuthorizableRequestContext context(JsonNode request) throws Exception {
        KafkaPrincipal principal = SecurityUtils.parseKafkaPrincipal(request.get("principal").asText());
        InetAddress address = InetAddress.getByName(request.get("host").asText());
        return new AuthorizableRequestContext() {
            public String listenerName() { return "TENANTS"; }
            public SecurityProtocol securityProtocol() { return SecurityProtocol.SASL_SSL; }
            public KafkaPrincipal principal() { return principal; }
            public InetAddress clientAddress() { return address; }
            public int requestType() { return 0; }
            public int requestVersion() { return 0; }
            public String clientId() { return ""; }
            public int correlationId() { return 0; }
        };
    }
}
