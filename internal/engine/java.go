package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// oldestJava is the first major version of Java that Apache Kafka 4's broker runs on.
const oldestJava = 17

const installJava = "install Java 17 or newer (Debian: apt-get install openjdk-17-jdk-headless), or set JAVA_HOME"

// javaProgram is a java program that is new enough, and what it says about itself.
type javaProgram struct{ path, version string }

// findJava finds the java program of JAVA_HOME, as Java's own tools do, and else that of PATH.
func findJava(ctx context.Context) (javaProgram, error) {
	path, err := exec.LookPath("java")
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path, err = exec.LookPath(filepath.Join(home, "bin", "java"))
		if err != nil {
			return javaProgram{}, fmt.Errorf("JAVA_HOME is %s, and there is no java program in it: %s", home, installJava)
		}
	}
	if err != nil {
		return javaProgram{}, errors.New("Apache Kafka needs Java, and there is no java in PATH: " + installJava)
	}
	output, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return javaProgram{}, fmt.Errorf("%s -version: %w: %s", path, err, strings.TrimSpace(string(output)))
	}
	major, ok := majorVersion(string(output))
	if !ok {
		return javaProgram{}, fmt.Errorf("%s -version says %q, which is no version of Java", path, string(output))
	}
	if major < oldestJava {
		return javaProgram{}, fmt.Errorf("%s is Java %d, too old for Apache Kafka 4: %s", path, major, installJava)
	}
	return javaProgram{path: path, version: string(output)}, nil
}

var versionLine = regexp.MustCompile(`version "(\d+)(?:\.(\d+))?`)

// majorVersion reads the output of `java -version`; up to Java 8 the major version came second, as in 1.8.
func majorVersion(output string) (int, bool) {
	m := versionLine.FindStringSubmatch(output)
	if m == nil {
		return 0, false
	}
	text := m[1]
	if text == "1" && m[2] != "" {
		text = m[2]
	}
	major, err := strconv.Atoi(text)
	return major, err == nil
}
