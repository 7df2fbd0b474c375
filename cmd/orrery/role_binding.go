package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orrery-kafka/orrery"
	"github.com/orrery-kafka/orrery/client"
	"github.com/orrery-kafka/orrery/wire"
)

func (p *program) roleBindingCommand() *cobra.Command {
	return group(&cobra.Command{
		Use: "role-binding", Aliases: []string{"rb", "role-bindings"}, Short: "Give users and service accounts a role",
		Long: `A role binding gives a user or a service account a role on a part of the organization:

  OrganizationAdmin    everything
  EnvironmentAdmin     everything in an environment
  CloudClusterAdmin    everything in a Kafka cluster
  Operator             see how everything in one of these is set up, but no records
  MetricsViewer        see which clusters there are

or on topics, groups and transactional ids of a Kafka cluster, by name or, with a * at the end, by how names begin:

  ResourceOwner        everything, and give others roles on it
  DeveloperRead        read topics, be in groups
  DeveloperWrite       write to topics, use transactional ids
  DeveloperManage      create and delete topics, delete groups

DeveloperWrite and DeveloperManage may also be on the Kafka cluster itself: idempotent writes, and the creation of
any topic.`,
		Example: `orrery role-binding create --service-account reports --role CloudClusterAdmin --cluster demo
orrery role-binding create --service-account reports --role DeveloperRead --cluster demo --topic 'sales.*'
orrery role-binding list`,
	},
		p.roleBindingCreateCommand(), p.roleBindingListCommand(), p.roleBindingDescribeCommand(), p.roleBindingDeleteCommand())
}

// bindingFlags say who, and on what.
type bindingFlags struct {
	principal, serviceAccount, role string
	environment, cluster, pattern   string
	topic, group, transactionalID   string
}

func (f *bindingFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.serviceAccount, "service-account", "", "who: id or name of a service `ACCOUNT`")
	flags.StringVar(&f.principal, "principal", "", "who: `User:ID` of a user, service account or identity pool")
	flags.StringVar(&f.role, "role", "", "`ROLE`: "+strings.Join(orrery.RoleNames(), ", "))
	flags.StringVar(&f.environment, "environment", "", "on what: an `ENVIRONMENT`, id or name")
	flags.StringVar(&f.cluster, "cluster", "", "on what: a Kafka `CLUSTER`, id or name")
	flags.StringVar(&f.topic, "topic", "", "on what: a `TOPIC` of the cluster, or PREFIX*")
	flags.StringVar(&f.group, "group", "", "on what: a consumer `GROUP` of the cluster, or PREFIX*")
	flags.StringVar(&f.transactionalID, "transactional-id", "", "on what: a transactional `ID` of the cluster, or PREFIX*")
	flags.StringVar(&f.pattern, "crn-pattern", "", "on what: a resource name as the API writes it (`CRN`), which may end in *")
}

// who returns the principal, or "" where none is given.
func (f bindingFlags) who(ctx context.Context, api *client.Client) (string, error) {
	switch {
	case f.principal != "" && f.serviceAccount != "":
		return "", usageError("", "give either --principal or --service-account")
	case f.serviceAccount != "":
		account, err := serviceAccount(ctx, api, f.serviceAccount)
		if err != nil {
			return "", err
		}
		return orrery.Principal(account.ID), nil
	case orrery.HasPrefix(f.principal, orrery.PrefixServiceAccount), orrery.HasPrefix(f.principal, orrery.PrefixUser), orrery.HasPrefix(f.principal, orrery.PrefixIdentityPool):
		return orrery.Principal(f.principal), nil
	}
	return f.principal, nil
}

func (p *program) showRoleBinding(b wire.RoleBinding) error {
	return p.show(b, func(w io.Writer) {
		details(w, []detail{{"ID", b.ID}, {"Principal", b.Principal}, {"Role", b.RoleName}, {"On", b.CRNPattern}, {"Created", timeText(b.Metadata.CreatedAt)}})
	})
}

// widest takes back the environment and cluster that are only somebody's default, where a role or a listing is
// about the whole organization unless the command line says otherwise.
func (f *bindingFlags) widest(defaulted map[string]bool) {
	if _, resources := f.resource(); resources > 0 {
		return
	}
	if defaulted["environment"] && (f.cluster == "" || defaulted["cluster"]) {
		f.environment = ""
	}
	if defaulted["cluster"] {
		f.cluster = ""
	}
}

// resource returns the flags' resource within a cluster, as a CRN element, and how many they name.
func (f bindingFlags) resource() (e orrery.CRNElement, n int) {
	for _, flag := range []orrery.CRNElement{{Type: orrery.CRNTopic, Name: f.topic}, {Type: orrery.CRNGroup, Name: f.group}, {Type: orrery.CRNTransactionalID, Name: f.transactionalID}} {
		if flag.Name != "" {
			e = flag
			n++
		}
	}
	return e, n
}

// onResource returns the CRN of a resource within the flags' cluster.
func (p *program) onResource(ctx context.Context, api *client.Client, f bindingFlags) (string, error) {
	resource, n := f.resource()
	if n > 1 {
		return "", usageError("make one binding for each", "give one of --topic, --group and --transactional-id")
	}
	if f.cluster == "" {
		return "", usageError("name the cluster with --cluster", "it is not said which cluster's %s", resource.Type)
	}
	c, err := p.cluster(ctx, api, f.environment, f.cluster)
	name, err := resourceName(c.Metadata, err)
	if err != nil {
		return "", err
	}
	return name + "/" + orrery.CRNKafka + "=" + c.ID + "/" + resource.Type + "=" + resource.Name, nil
}

// on returns the CRN that the flags name: of a resource within a cluster, a cluster, an environment or else the
// organization. An empty pattern means the narrowest that role needs.
func (p *program) on(ctx context.Context, api *client.Client, f bindingFlags) (string, error) {
	_, resources := f.resource()
	switch {
	case f.pattern != "" && resources > 0:
		return "", usageError("", "give either --crn-pattern or --topic, --group or --transactional-id")
	case f.pattern != "" && (f.environment != "" || f.cluster != ""):
		return "", usageError("", "give either --crn-pattern or --environment and --cluster")
	case f.pattern != "":
		return f.pattern, nil
	case resources > 0:
		return p.onResource(ctx, api, f)
	case f.role == orrery.RoleCloudClusterAdmin && f.cluster == "":
		return "", usageError("name the cluster with --cluster", "the role %s is for one Kafka cluster", f.role)
	case f.role == orrery.RoleEnvironmentAdmin && f.cluster != "":
		return "", usageError("--role CloudClusterAdmin is for a cluster", "the role %s is for an environment, not for a cluster", f.role)
	case f.role == orrery.RoleOrganizationAdmin && (f.cluster != "" || f.environment != ""):
		return "", usageError("leave --environment and --cluster out", "the role %s is for the whole organization", f.role)
	case f.cluster != "":
		c, err := p.cluster(ctx, api, f.environment, f.cluster)
		name, err := resourceName(c.Metadata, err)
		if err == nil && slices.Contains([]string{orrery.RoleDeveloperWrite, orrery.RoleDeveloperManage}, f.role) {
			name += "/" + orrery.CRNKafka + "=" + c.ID // what these may do to a cluster, they may do to its Kafka
		}
		return name, err
	case f.environment != "" || f.role == orrery.RoleEnvironmentAdmin:
		e, err := p.environment(ctx, api, f.environment)
		return resourceName(e.Metadata, err)
	}
	o, err := organization(ctx, api)
	return resourceName(o.Metadata, err)
}

func resourceName(m wire.Metadata, err error) (string, error) {
	if err == nil && m.ResourceName == "" {
		err = failed("give --crn-pattern", "the server does not say the resource name")
	}
	return m.ResourceName, err
}
