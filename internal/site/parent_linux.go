package site

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end a process with this one, however this one ends.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
