package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag is also an environment variable and a key of the configuration file: --kafka-ports is
// ORRERY_KAFKA_PORTS and "kafka-ports". What is on the command line wins over the environment, that over the
// file, that over the default. Two flags that share a name and mean different things (the --api-key of a Kafka
// client and that of the API) are told apart by an annotation.

const (
	variablePrefix = "ORRERY_"
	annotationName = "orrery-setting"
	// annotationOwnFile marks a command that has a configuration file of its own kind, and must not depend on that of
	// whoever starts it.
	annotationOwnFile = "orrery-own-file"
)

// setting gives a flag another name in the environment and the file than its own.
func setting(flags *pflag.FlagSet, flag, name string) {
	flags.Lookup(flag).Annotations = map[string][]string{annotationName: {name}}
}

// changeSettings gives the flags of an update names of their own: a default for what is created must not turn
// into a change of what exists.
func changeSettings(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		setting(flags, name, "update-"+settingName(flags.Lookup(name)))
	}
}

// settingName is a flag's key in the configuration file.
func settingName(f *pflag.Flag) string {
	if names := f.Annotations[annotationName]; len(names) == 1 {
		return names[0]
	}
	return f.Name
}

// variable is a flag's environment variable.
func variable(f *pflag.Flag) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(settingName(f), "-", "_"))
}

// fromCommandLineOnly reports whether a flag asks for something about the command line itself.
func fromCommandLineOnly(f *pflag.Flag) bool { return f.Name == "help" }

// settle gives each flag of cmd that is not on the command line its value from the environment or the file.
func (p *program) settle(cmd *cobra.Command) error {
	flags := flagsOf(cmd)
	for _, f := range flags {
		if value := p.environ[variable(f)]; value != "" && !f.Changed {
			if err := assign(f, value); err != nil {
				return usageError("", "the environment variable %s: %v", variable(f), err)
			}
			p.defaulted[f.Name] = true
		}
	}
	if _, own := cmd.Annotations[annotationOwnFile]; own {
		return checkOutput(p.global.output)
	}
	file, err := p.loadConfigFile()
	if err != nil {
		return err
	}
	if err := file.checkKeys(allSettings(cmd.Root())); err != nil {
		return err
	}
	for _, f := range flags {
		if values, ok := file.values[settingName(f)]; ok && !f.Changed {
			if err := assign(f, values...); err != nil {
				return usageError("", "%s: key %s: %v", file.path, settingName(f), err)
			}
			p.defaulted[f.Name] = true
		}
	}
	return checkOutput(p.global.output)
}

// flagsOf returns the flags of cmd and the global ones, also those that a flag of cmd hides.
func flagsOf(cmd *cobra.Command) []*pflag.Flag {
	var flags []*pflag.Flag
	add := func(f *pflag.Flag) {
		if !fromCommandLineOnly(f) && !slices.Contains(flags, f) {
			flags = append(flags, f)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.Root().PersistentFlags().VisitAll(add)
	return flags
}

// allSettings returns the keys of every flag of every command.
func allSettings(root *cobra.Command) map[string]bool {
	keys := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, f := range flagsOf(cmd) {
			keys[settingName(f)] = true
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit(root)
	return keys
}

// assign sets a flag to one value, or a repeatable flag to several.
func assign(f *pflag.Flag, values ...string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		f.Changed = true
		if len(values) == 1 {
			values = strings.Split(values[0], ",")
		}
		return list.Replace(values)
	}
	if len(values) != 1 {
		return usageError("", "one value is expected, not a list")
	}
	if err := f.Value.Set(values[0]); err != nil {
		return err
	}
	f.Changed = true
	return nil
}
