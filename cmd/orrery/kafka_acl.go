package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery/client"
)

func (p *program) kafkaACLCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "acl", Aliases: []string{"acls"}, Short: "Say who may do what in a Kafka cluster",
		Long: `Manage the ACLs of a Kafka cluster, as any Kafka client could. They are for single topics,
consumer groups and transactional ids; "orrery role-binding" is for whole roles.`,
		Example: `orrery kafka acl create --allow --service-account sa-abc123 --operations read,describe --topic orders
orrery kafka acl list`,
	}, p.kafkaACLCreateCommand(), p.kafkaACLListCommand(), p.kafkaACLDeleteCommand())
}

// aclFlags say what ACLs are about.
type aclFlags struct {
	cluster                               clusterFlag
	principal, serviceAccount             string
	topic, consumerGroup, transactionalID string
	clusterScope, prefix                  bool
	allow, deny                           bool
	operations, host                      string
}

// addResource adds the flags that every command on ACLs has.
func (f *aclFlags) addResource(flags *pflag.FlagSet) {
	flags.StringVar(&f.principal, "principal", "", "`PRINCIPAL`, such as User:sa-abc123, User:u-abc123, User:pool-abc123 or User:*")
	flags.StringVar(&f.serviceAccount, "service-account", "", "`SERVICE-ACCOUNT` id; the same as --principal User:SERVICE-ACCOUNT")
	flags.StringVar(&f.topic, "topic", "", "`TOPIC`, or \"*\" for every one")
	flags.StringVar(&f.consumerGroup, "consumer-group", "", "consumer `GROUP`, or \"*\"")
	flags.StringVar(&f.transactionalID, "transactional-id", "", "transactional `ID`, or \"*\"")
	flags.BoolVar(&f.clusterScope, "cluster-scope", false, "the cluster itself")
	flags.BoolVar(&f.prefix, "prefix", false, "the name is what names begin with")
	f.cluster.add(flags)
}

// addRule adds those of the commands that change ACLs.
func (f *aclFlags) addRule(flags *pflag.FlagSet) {
	flags.BoolVar(&f.allow, "allow", false, "allow the operations")
	flags.BoolVar(&f.deny, "deny", false, "deny the operations; that wins over whatever allows them")
	flags.StringVar(&f.operations, "operations", "", "`OPERATIONS` with commas between: all, read, write, create, delete, alter, describe, describe-configs, alter-configs, idempotent-write")
	flags.StringVar(&f.host, "host", "*", "client's IP `ADDRESS`, or \"*\"")
	f.addResource(flags)
}

// filter is an ACL with what the flags say; what they do not say is "".
func (f *aclFlags) filter() (client.ACL, error) {
	acl := client.ACL{Principal: f.principal}
	if f.serviceAccount != "" {
		if f.principal != "" {
			return acl, usageError("", "--principal and --service-account are both given; one is enough")
		}
		acl.Principal = "User:" + f.serviceAccount
	}
	resources := 0
	for _, r := range []struct {
		kind, name string
		given      bool
	}{
		{"TOPIC", f.topic, f.topic != ""}, {"GROUP", f.consumerGroup, f.consumerGroup != ""},
		{"TRANSACTIONAL_ID", f.transactionalID, f.transactionalID != ""}, {"CLUSTER", "kafka-cluster", f.clusterScope},
	} {
		if r.given {
			resources++
			acl.ResourceType, acl.ResourceName, acl.PatternType = r.kind, r.name, "LITERAL"
		}
	}
	switch {
	case resources > 1:
		return acl, usageError("use one command for each", "an ACL is about one of --topic, --consumer-group, --transactional-id and --cluster-scope")
	case f.prefix && (resources == 0 || f.clusterScope):
		return acl, usageError("such as --topic orders- --prefix", "--prefix is for a topic, a consumer group or a transactional id")
	case f.prefix:
		acl.PatternType = "PREFIXED"
	}
	return acl, nil
}

// rules are the ACLs that the flags say, one for each operation.
func (f *aclFlags) rules() ([]client.ACL, error) {
	acl, err := f.filter()
	switch {
	case err != nil:
		return nil, err
	case acl.ResourceType == "":
		return nil, usageError("such as --topic orders", "an ACL is about one of --topic, --consumer-group, --transactional-id and --cluster-scope")
	case acl.Principal == "":
		return nil, usageError("such as --service-account sa-abc123", "an ACL needs --principal or --service-account")
	case f.allow == f.deny:
		return nil, usageError("", "an ACL needs either --allow or --deny")
	case f.operations == "":
		return nil, usageError("such as --operations read,describe", "an ACL needs --operations")
	}
	if acl.Host, acl.Permission = f.host, "ALLOW"; f.deny {
		acl.Permission = "DENY"
	}
	var acls []client.ACL
	for _, operation := range strings.Split(f.operations, ",") {
		acl.Operation = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(operation), "-", "_"))
		acls = append(acls, acl)
	}
	return acls, nil
}

func (p *program) showACLs(acls []client.ACL) error {
	return p.show(orEmpty(acls), func(w io.Writer) {
		rows := make([][]string, len(acls))
		for i, a := range acls {
			rows[i] = []string{a.Principal, a.Permission, a.Operation, a.Host, a.ResourceType, a.ResourceName, a.PatternType}
		}
		table(w, []string{"PRINCIPAL", "PERMISSION", "OPERATION", "HOST", "RESOURCE TYPE", "RESOURCE NAME", "PATTERN TYPE"}, rows)
	})
}
