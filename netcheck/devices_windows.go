package netcheck

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// networkAdapters is where Windows keeps the names of the connections of all network adapters that it ever had; the key's
// name is the class of their devices (GUID_DEVCLASS_NET, devguid.h).
const networkAdapters = `SYSTEM\CurrentControlSet\Control\Network\{4D36E972-E325-11CE-BFC1-08002BE10318}`

var (
	cfgmgr32               = windows.NewLazySystemDLL("cfgmgr32.dll")
	procCMLocateDevNode    = cfgmgr32.NewProc("CM_Locate_DevNodeW")
	procCMGetDevNodeStatus = cfgmgr32.NewProc("CM_Get_DevNode_Status")
)

// readSwitchedOff asks of each network adapter's device whether it is there and disabled. A device that was pulled out is
// not found.
func readSwitchedOff() []offRow { return switchedOffBy(isDisabled) }

func switchedOffBy(disabled func(device string) bool) (off []offRow) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, networkAdapters, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil
	}
	defer k.Close()
	ids, _ := k.ReadSubKeyNames(-1) // what was read before an error counts
	for _, id := range ids {
		c, err := registry.OpenKey(k, id+`\Connection`, registry.QUERY_VALUE)
		if err != nil {
			continue // what else stands there
		}
		name, _, nameErr := c.GetStringValue("Name")
		device, _, deviceErr := c.GetStringValue("PnpInstanceID")
		c.Close()
		if nameErr == nil && deviceErr == nil && name != "" && device != "" && disabled(device) {
			off = append(off, offRow{name: name, hardware: isHardware(device)})
		}
	}
	return off
}

// isHardware tells by who lists the device: software makes those of ROOT and SWD, teams of cards and, with a number in
// braces, Wi-Fi Direct's. A Bluetooth network never was in use on most computers.
func isHardware(device string) bool {
	bus, _, _ := strings.Cut(strings.ToUpper(device), `\`)
	return bus != "ROOT" && bus != "SWD" && bus != "BTH" && bus != "COMPOSITEBUS" && !strings.HasPrefix(bus, "{")
}

func isDisabled(device string) bool {
	const (
		hasProblem  = 0x400 // DN_HAS_PROBLEM (cfg.h)
		disabled    = 22    // CM_PROB_DISABLED
		offInDevice = 29    // CM_PROB_HARDWARE_DISABLED: by the firmware
	)
	id, err := windows.UTF16PtrFromString(device)
	if err != nil || procCMLocateDevNode.Find() != nil || procCMGetDevNodeStatus.Find() != nil {
		return false
	}
	var node, status, problem uint32
	if r, _, _ := procCMLocateDevNode.Call(uintptr(unsafe.Pointer(&node)), uintptr(unsafe.Pointer(id)), 0); uint32(r) != 0 {
		return false
	}
	if r, _, _ := procCMGetDevNodeStatus.Call(uintptr(unsafe.Pointer(&status)), uintptr(unsafe.Pointer(&problem)), uintptr(node), 0); uint32(r) != 0 {
		return false
	}
	return status&hasProblem != 0 && (problem == disabled || problem == offInDevice) || isToBeDisabled(device)
}

// isToBeDisabled: the wish is written down before the device is stopped, and its interface may be gone before it says that
// it has stopped.
func isToBeDisabled(device string) bool {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Enum\`+device, registry.QUERY_VALUE)
	if err != nil {
		return false
	}
	defer k.Close()
	const configFlagDisabled = 1 // CONFIGFLAG_DISABLED (regstr.h)
	flags, _, err := k.GetIntegerValue("ConfigFlags")
	return err == nil && flags&configFlagDisabled != 0
}
