package redistest

import (
	"strings"
	"testing"
)

func TestServerComesBackWithItsData(t *testing.T) {
	s := Start(t)
	s.Do("SET", "a", "1")
	s.Kill()
	if _, err := s.command("PING"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	if got := s.Do("GET", "a"); got != "$1\r\n1\r\n" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestForgetfulServerComesBackEmpty(t *testing.T) {
	s := StartForgetful(t)
	s.Do("SET", "a", "1")
	s.Kill()
	s.Restart()
	if got := s.Do("GET", "a"); got != "$-1\r\n" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestClusterSharesSlots(t *testing.T) {
	c := StartCluster(t)
	answers := map[string]int{}
	for _, n := range c.Nodes {
		got, err := n.command("GET {layer_gateway}x")
		if err != nil {
			t.Fatal(err)
		}
		answers[strings.Fields(got)[0]]++
	}
	if answers["$-1"] != 1 || answers["-MOVED"] != 2 {
		t.Errorf("one node has the key's slot and two know which: %v", answers)
	}
	c.Nodes[1].Kill()
	c.Nodes[1].Restart()
	c.Wait()
}
