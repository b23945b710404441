package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSum(t *testing.T) {
	pass := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	for _, tt := range []struct {
		name, in, last string
		says           []string
		ok             bool
	}{
		{"one test", pass + `{"Action":"pass","Package":"p","Elapsed":0.5}`, "1 passed, 0 failed, 0 skipped", []string{"ok      p  0.5 s"}, true},
		{"subtests are counted, their parent is not", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"run","Package":"p","Test":"TestA/two"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"fail","Package":"p","Test":"TestA/two"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed, 0 skipped", []string{"FAILED  p TestA/two"}, false},
		{"a parent that fails by itself", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/one"}
{"Action":"pass","Package":"p","Test":"TestA/one"}
{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:7: goroutine left\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed, 0 skipped", []string{"goroutine left"}, false},
		{"a skipped test says why", pass + `{"Action":"run","Package":"p","Test":"TestRoot"}
{"Action":"output","Package":"p","Test":"TestRoot","Output":"    a_test.go:12: needs root: operation not permitted\n"}
{"Action":"output","Package":"p","Test":"TestRoot","Output":"--- SKIP: TestRoot (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestRoot"}
{"Action":"pass","Package":"p"}`, "1 passed, 0 failed, 1 skipped", []string{"skipped p TestRoot: needs root: operation not permitted"}, true},
		{"a build that fails", pass + `{"ImportPath":"q [q.test]","Action":"build-output","Output":"q.go:3: undefined: x\n"}
{"ImportPath":"q [q.test]","Action":"build-fail"}
{"Action":"start","Package":"q"}
{"Action":"output","Package":"q","Output":"FAIL\tq [build failed]\n"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}`, "1 passed, 1 failed, 0 skipped", []string{"undefined: x", "failed  q"}, false},
		{"a leak after all tests passed", pass + `{"Action":"output","Package":"p","Output":"goleak: Errors on successful test run\n"}
{"Action":"fail","Package":"p"}`, "1 passed, 1 failed, 0 skipped", []string{"goleak"}, false},
		{"a crash in the middle of a test", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"fatal error: all goroutines are asleep\n"}
{"Action":"fail","Package":"p"}`, "0 passed, 1 failed, 0 skipped", []string{"UNFINISHED  p TestA", "all goroutines are asleep"}, false},
		{"go test itself failed", `go: updates to go.mod needed
{"Action":"exit-status","Package":"./..."}`, "0 passed, 1 failed, 0 skipped", []string{"updates to go.mod needed"}, false},
		{"its status repeats a failure", `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
{"Action":"exit-status","Package":"./..."}`, "0 passed, 1 failed, 0 skipped", nil, false},
		{"a slow test is named", pass + `{"Action":"run","Package":"p","Test":"TestSlow"}
{"Action":"pass","Package":"p","Test":"TestSlow","Elapsed":12.34}
{"Action":"pass","Package":"p","Elapsed":13}`, "2 passed, 0 failed, 0 skipped", []string{"slow    p TestSlow  12.3 s"}, true},
		{"nothing ran", "", "0 passed, 0 failed, 0 skipped", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			s := newSum(&out)
			if err := s.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			ok := s.end()
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != tt.last || ok != tt.ok {
				t.Errorf("%q, %v; want %q, %v\n%s", got, ok, tt.last, tt.ok, out.String())
			}
			for _, w := range tt.says {
				if !strings.Contains(out.String(), w) {
					t.Errorf("does not say %q:\n%s", w, out.String())
				}
			}
		})
	}
}
