package main

import "github.com/spf13/cobra"

const configurationText = `Where settings come from

Every flag can be given in three ways. The first that is there counts:

  1. on the command line      --kafka-ports 20000-20099
  2. in the environment       ORRERY_KAFKA_PORTS=20000-20099
  3. in a configuration file  kafka-ports: 20000-20099

The variable is ORRERY_ and the flag's name in capitals, with "_" for "-"; the key
is the flag's name. Where two commands use one name for different things, --help
shows the variable in brackets: the Kafka key of "topic produce --api-key" is
ORRERY_KAFKA_API_KEY (and kafka-api-key in a file).

The configuration file is YAML: one key and value on each line. It is the file of
--config or ORRERY_CONFIG, else the first of these that exists:

  DIR/orrery.yaml                 DIR being the data directory, see below
  ~/.config/orrery/config.yaml    or $XDG_CONFIG_HOME/orrery/config.yaml

An unknown key is an error. The variable of a repeatable flag takes values with
commas between them, its key also a list.

Which server

  --url, --api-key, --api-secret and --ca-file (or ORRERY_URL, ORRERY_API_KEY,
  ORRERY_API_SECRET and ORRERY_CA_FILE). What is not given is taken from
  DIR/admin.env, which "orrery up" writes; its key is used for its own server only.

  DIR is --dir or ORRERY_DIR, else $XDG_DATA_HOME/orrery, else
  ~/.local/share/orrery (on macOS ~/Library/Application Support/orrery).

Which environment and cluster

  --environment (ORRERY_ENVIRONMENT) and --cluster (ORRERY_CLUSTER) take an id or a
  name. Without them: the first environment, and the only Kafka cluster in it.

Which Kafka key (topic produce, topic consume, client-config)

  --api-key and --api-secret, else ORRERY_KAFKA_API_KEY and
  ORRERY_KAFKA_API_SECRET, else the key that
  "orrery api-key create --resource CLUSTER --save" kept, for this user only, in
  ~/.config/orrery/keys/.

Exit status

  0 done, 1 failed, 2 not understood (flags, arguments, configuration). An error is
  one line on stderr and a hint; with -o json it is a JSON document.`

// configurationTopic is the text of `orrery help configuration`.
func (p *program) configurationTopic() *cobra.Command {
	return &cobra.Command{Use: "configuration", Short: "Read where settings come from: flags, environment, files", Long: configurationText}
}
