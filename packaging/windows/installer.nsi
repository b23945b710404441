; The installer for Windows; scripts/windows calls makensis with what is defined here from outside. It asks for no
; administrator: all is below the folder and the registry of one user.
;
;   holdfast-VERSION-windows-amd64-setup.exe [/S] [/AUTOSTART=on|off] [/PATH=on|off] [/D=C:\FOLDER]
;   uninstall.exe [/S] [/PURGE]
;
; /S asks nothing. The exit status is 0, 1 when a person gave up, 2 when it failed.

Unicode true
Target amd64-unicode
SetCompressor /SOLID lzma
SetCompressorDictSize 64
RequestExecutionLevel user
ManifestSupportedOS Win10
ManifestDPIAware true
ManifestLongPathAware true

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include Sections.nsh
!include WinVer.nsh

!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Holdfast"
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define MAIN "holdfast.exe"
!define WINDOW "holdfast-window.exe"
; As a handle: RegOpenKeyEx takes HKEY_CURRENT_USER sign-extended (winreg.h).
!define CURRENT_USER -2147483647
!define ACCESS 0x2001F ; KEY_READ | KEY_WRITE

Name "Holdfast"
BrandingText "Holdfast ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Holdfast"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
ShowInstDetails nevershow
ShowUninstDetails nevershow

VIProductVersion "${NUMBERS}"
VIFileVersion "${NUMBERS}"
VIAddVersionKey /LANG=0 "ProductName" "Holdfast"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileVersion" "${NUMBERS}"
VIAddVersionKey /LANG=0 "FileDescription" "Holdfast setup"
VIAddVersionKey /LANG=0 "CompanyName" "The Holdfast authors"
VIAddVersionKey /LANG=0 "LegalCopyright" "Copyright (c) 2026 The Holdfast authors. MIT License"

!ifdef SIGN
	!uninstfinalize '"${SIGN}" sign "%1"' = 0
!endif

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_COMPONENTSPAGE_SMALLDESC
!define MUI_FINISHPAGE_RUN
!define MUI_FINISHPAGE_RUN_FUNCTION Open

!insertmacro MUI_PAGE_LICENSE "${FILES}\LICENSE.txt"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES

; The first is for all languages that are not here.
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "SimpChinese"
!include "${WORDS}"

Var Ran     ; yes: a Holdfast ran, and was asked to end
Var Had     ; yes: there was an installation already
Var Started ; what Windows started at login before

; ---- Both: PATH, and what runs

; The functions Path... work on the user's PATH in memory of their own: strings of this installer end after 1023 characters,
; and a PATH may have 32766. They use: $0 the key, $1 the memory, $2 the value's type, $3 its length in bytes, $4 ";FOLDER;",
; $5 where that stands, $8 "yes" where the last ";" is not the user's.
!macro Functions un
; Reads PATH as ";A;B;" and finds $INSTDIR in it. $0 is 0 where it cannot be read, or is no text.
Function ${un}PathOpen
	System::Call 'advapi32::RegOpenKeyExW(p ${CURRENT_USER}, w "Environment", i 0, i ${ACCESS}, *p 0 r0)i.r6'
	${If} $6 <> 0
		StrCpy $0 0
		Return
	${EndIf}
	StrCpy $2 2 ; REG_EXPAND_SZ, should there be none
	StrCpy $3 0
	System::Call 'advapi32::RegQueryValueExW(p r0, w "Path", p 0, *i 2 r2, p 0, *i 0 r3)i.r6'
	${If} $6 = 2 ; there is none
		StrCpy $2 2
		StrCpy $3 0
	${ElseIf} $6 <> 0
	${OrIf} $2 < 1 ; REG_SZ
	${OrIf} $2 > 2
		System::Call 'advapi32::RegCloseKey(p r0)'
		StrCpy $0 0
		Return
	${EndIf}
	StrCpy $4 ";$INSTDIR;"
	IntOp $6 $3 + 4096 ; room for a folder, and zeros behind the text
	System::Alloc $6
	Pop $1
	System::Call 'kernel32::lstrcpyW(p r1, w ";")'
	${If} $3 > 0
		IntPtrOp $7 $1 + 2
		System::Call 'advapi32::RegQueryValueExW(p r0, w "Path", p 0, p 0, p r7, *i r3 r3)i.r6'
		${If} $6 <> 0
			Call ${un}PathClose
			StrCpy $0 0
			Return
		${EndIf}
	${EndIf}
	StrCpy $8 ""
	System::Call 'kernel32::lstrlenW(p r1)i.r6'
	IntOp $6 $6 - 1
	IntOp $6 $6 * 2
	IntPtrOp $7 $1 + $6
	System::Call '*$7(&i2 .r6)'
	${If} $6 <> 59 ; ";"
		StrCpy $8 yes
		System::Call 'kernel32::lstrcatW(p r1, w ";")'
	${EndIf}
	System::Call 'shlwapi::StrStrIW(p r1, w r4)p.r5'
FunctionEnd

; Writes what stands in the memory behind its first ";", and tells all programs.
Function ${un}PathWrite
	IntPtrOp $7 $1 + 2
	System::Call 'kernel32::lstrlenW(p r7)i.r6'
	${If} $6 = 0
		System::Call 'advapi32::RegDeleteValueW(p r0, w "Path")'
	${ElseIf} $6 < 32767 ; the most that a variable may have ("Environment Variables")
		IntOp $6 $6 + 1
		IntOp $6 $6 * 2
		System::Call 'advapi32::RegSetValueExW(p r0, w "Path", i 0, i r2, p r7, i r6)'
	${EndIf}
	SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
FunctionEnd

Function ${un}PathClose
	System::Call 'advapi32::RegCloseKey(p r0)'
	System::Free $1
FunctionEnd

Function ${un}PathRemove
	Call ${un}PathOpen
	${If} $0 P= 0
		Return
	${EndIf}
	${If} $5 P<> 0
		${Do}
			; What stands behind the folder moves to where it began, from its ";" on.
			StrLen $6 $4
			IntOp $6 $6 - 1
			IntOp $6 $6 * 2
			IntPtrOp $7 $5 + $6
			System::Call 'kernel32::lstrlenW(p r7)i.r6'
			IntOp $6 $6 + 1
			IntOp $6 $6 * 2
			System::Call 'kernel32::RtlMoveMemory(p r5, p r7, p r6)'
			System::Call 'shlwapi::StrStrIW(p r1, w r4)p.r5'
		${LoopUntil} $5 P= 0
		${If} $8 == yes
			System::Call 'kernel32::lstrlenW(p r1)i.r6'
			${If} $6 > 1
				IntOp $6 $6 - 1
				IntOp $6 $6 * 2
				IntPtrOp $7 $1 + $6
				System::Call '*$7(&i2 0)'
			${EndIf}
		${EndIf}
		Call ${un}PathWrite
	${EndIf}
	Call ${un}PathClose
FunctionEnd

; Asks the running Holdfast to end, wherever it lies, by the program $0. Sets $Ran.
Function ${un}Quit
	nsExec::Exec '"$0" quit'
	Pop $1
	${If} $1 == 0
		StrCpy $Ran yes
	${EndIf}
FunctionEnd

; Sets $0 to "yes" where Windows starts the program of this folder at login. It is the program that switches it.
Function ${un}StartsHere
	ReadRegStr $1 HKCU "${RUN}" "Holdfast"
	StrCpy $2 "$INSTDIR\"
	System::Call 'shlwapi::StrStrIW(w r1, w r2)p.r3'
	StrCpy $0 no
	${If} $3 P<> 0
		StrCpy $0 yes
	${EndIf}
FunctionEnd
!macroend
!insertmacro Functions ""
!insertmacro Functions "un."

; ---- Installing

; Opens the window, and the tray where it is not there yet.
Function Open
	Exec '"$INSTDIR\${WINDOW}"'
FunctionEnd

; Ends the installation with the message $0. What was there before is still there, and runs again if it did.
Function Fail
	Delete "$INSTDIR\new-${MAIN}"
	Delete "$INSTDIR\new-${WINDOW}"
	${If} $Ran == yes
		Exec '"$INSTDIR\${WINDOW}" --background'
	${EndIf}
	MessageBox MB_OK|MB_ICONSTOP "$0" /SD IDOK
	SetErrorLevel 2
	Abort "$0"
FunctionEnd

; Puts new-$1 in the place of $1. A program that has just ended, or that a virus scanner reads, cannot be deleted for a moment;
; one that still runs (holdfast watch in a terminal) can be renamed, and is deleted by the next installation.
Function Replace
	StrCpy $2 0
	${Do}
		${If} ${FileExists} "$INSTDIR\$1"
			${If} $2 < 25
				Delete "$INSTDIR\$1"
			${Else}
				System::Call 'kernel32::GetTickCount()i.r3'
				Rename "$INSTDIR\$1" "$INSTDIR\old-$3-$1"
			${EndIf}
		${EndIf}
		${IfNot} ${FileExists} "$INSTDIR\$1"
			Rename "$INSTDIR\new-$1" "$INSTDIR\$1"
			${IfNot} ${FileExists} "$INSTDIR\new-$1"
				Return
			${EndIf}
		${EndIf}
		Sleep 200
		IntOp $2 $2 + 1
	${LoopUntil} $2 > 30
	StrCpy $0 "$(busy)"
	Call Fail
FunctionEnd

Section "Holdfast" SecMain
	SectionIn RO
	SetOutPath "$INSTDIR"
	Delete "$INSTDIR\old-*.exe"
	SetOverwrite try
	ClearErrors
	File "/oname=new-${MAIN}" "${FILES}\${MAIN}"
	File "/oname=new-${WINDOW}" "${FILES}\${WINDOW}"
	${If} ${Errors}
		StrCpy $0 "$(full)"
		Call Fail
	${EndIf}
	; The new program asks: the one that runs may lie in another folder.
	StrCpy $0 "$INSTDIR\new-${MAIN}"
	Call Quit
	StrCpy $1 "${WINDOW}"
	Call Replace
	StrCpy $1 "${MAIN}"
	Call Replace
	SetOverwrite on
	File "${FILES}\README.txt"
	File "${FILES}\LICENSE.txt"
	File "${FILES}\LICENCES.txt"
	WriteUninstaller "$INSTDIR\uninstall.exe"

	; No AppUserModelID: our programs set none, and Windows knows their windows by this one's file.
	CreateShortcut "$SMPROGRAMS\Holdfast.lnk" "$INSTDIR\${WINDOW}" "" "$INSTDIR\${MAIN}" 0

	WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Holdfast"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
	WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\${MAIN},0"
	WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Holdfast authors"
	WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
	WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
	WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
	WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${KILOBYTES}
	WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
	WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

Section "$(path)" SecPath
	Call PathOpen
	${If} $0 P<> 0
		${If} $5 P= 0
			; A PATH that ended in ";" still does, and is what it was when the folder is taken out.
			StrCpy $6 $INSTDIR
			${If} $8 == ""
			${AndIf} $3 > 2
				StrCpy $6 "$6;"
			${EndIf}
			System::Call 'kernel32::lstrcatW(p r1, w r6)'
			Call PathWrite
		${EndIf}
		Call PathClose
	${EndIf}
SectionEnd

Section /o "$(login)" SecStart
	Call StartsHere
	; One that is there, and only switched off in Task Manager, is left alone.
	${If} $0 != yes
		nsExec::Exec '"$INSTDIR\${MAIN}" autostart off' ; of another folder
		Pop $0
		nsExec::Exec '"$INSTDIR\${MAIN}" autostart on'
		Pop $0
	${EndIf}
SectionEnd

Section -End
	${IfNot} ${SectionIsSelected} ${SecPath}
		Call PathRemove
	${EndIf}
	${IfNot} ${SectionIsSelected} ${SecStart}
	${AndIf} $Started != ""
		nsExec::Exec '"$INSTDIR\${MAIN}" autostart off'
		Pop $0
	${EndIf}
	${If} $Ran == yes
		Exec '"$INSTDIR\${WINDOW}" --background'
	${EndIf}
SectionEnd

Function .onInit
	${IfNot} ${AtLeastWin10}
		MessageBox MB_OK|MB_ICONSTOP "$(old)" /SD IDOK
		SetErrorLevel 2
		Quit
	${EndIf}
	ReadRegStr $Had HKCU "${UNINSTALL}" "UninstallString"
	ReadRegStr $Started HKCU "${RUN}" "Holdfast"
	; What is chosen already stays so.
	${If} $Had != ""
		Call PathOpen
		${If} $0 P<> 0
			${If} $5 P= 0
				!insertmacro UnselectSection ${SecPath}
			${EndIf}
			Call PathClose
		${EndIf}
	${EndIf}
	${If} $Started != ""
		!insertmacro SelectSection ${SecStart}
	${EndIf}
	${GetParameters} $R0
	${GetOptions} $R0 "/PATH=" $R1
	${If} $R1 == on
		!insertmacro SelectSection ${SecPath}
	${ElseIf} $R1 == off
		!insertmacro UnselectSection ${SecPath}
	${EndIf}
	${GetOptions} $R0 "/AUTOSTART=" $R1
	${If} $R1 == on
		!insertmacro SelectSection ${SecStart}
	${ElseIf} $R1 == off
		!insertmacro UnselectSection ${SecStart}
	${EndIf}
FunctionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
	!insertmacro MUI_DESCRIPTION_TEXT ${SecMain} "$(main_more)"
	!insertmacro MUI_DESCRIPTION_TEXT ${SecPath} "$(path_more)"
	!insertmacro MUI_DESCRIPTION_TEXT ${SecStart} "$(login_more)"
!insertmacro MUI_FUNCTION_DESCRIPTION_END

; ---- Uninstalling

; Deletes $1, and tries again for 5 s: it may have ended just now.
Function un.DeleteProgram
	StrCpy $2 0
	${Do}
		ClearErrors
		Delete "$INSTDIR\$1"
		${IfNot} ${Errors}
			Return
		${EndIf}
		${If} $2 > 25
			${If} ${Cmd} `MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(busy)" /SD IDCANCEL IDCANCEL`
				${If} $Ran == yes
				${AndIf} ${FileExists} "$INSTDIR\${WINDOW}"
					Exec '"$INSTDIR\${WINDOW}" --background'
				${EndIf}
				SetErrorLevel 2
				Abort "$(busy)"
			${EndIf}
			StrCpy $2 0
		${EndIf}
		Sleep 200
		IntOp $2 $2 + 1
	${Loop}
FunctionEnd

Section "un.Holdfast" SecRemove
	SectionIn RO
	${If} ${FileExists} "$INSTDIR\${MAIN}"
		StrCpy $0 "$INSTDIR\${MAIN}"
		Call un.Quit
		Call un.StartsHere
		${If} $0 == yes
			nsExec::Exec '"$INSTDIR\${MAIN}" autostart off'
			Pop $0
		${EndIf}
	${EndIf}
	; The one that may be in use comes first: when it is, nothing is missing yet.
	StrCpy $1 "${MAIN}"
	Call un.DeleteProgram
	StrCpy $1 "${WINDOW}"
	Call un.DeleteProgram
	Delete "$INSTDIR\old-*.exe"
	Delete "$INSTDIR\README.txt"
	Delete "$INSTDIR\LICENSE.txt"
	Delete "$INSTDIR\LICENCES.txt"
	Delete "$INSTDIR\uninstall.exe"
	RMDir "$INSTDIR"
	Delete "$SMPROGRAMS\Holdfast.lnk"
	Call un.PathRemove
	DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd

; Purge FOLDER: what has just ended, or looks for viruses, may hold a file in it for a moment.
!macro Purge folder
	StrCpy $2 0
	${DoWhile} ${FileExists} "${folder}\*.*"
		RMDir /r "${folder}"
		${If} $2 > 25 ; five seconds
			${Break}
		${EndIf}
		${If} ${FileExists} "${folder}\*.*"
			Sleep 200
		${EndIf}
		IntOp $2 $2 + 1
	${Loop}
!macroend
Section /o "un.$(purge)" SecPurge
	!insertmacro Purge "$APPDATA\holdfast"
	!insertmacro Purge "$LOCALAPPDATA\holdfast"
	RMDir /r "$APPDATA\fyne\holdfast-window"
	RMDir "$APPDATA\fyne"
SectionEnd

Function un.onInit
	${GetParameters} $R0
	ClearErrors
	${GetOptions} $R0 "/PURGE" $R1
	${IfNot} ${Errors}
		!insertmacro SelectSection ${SecPurge}
	${EndIf}
FunctionEnd

!insertmacro MUI_UNFUNCTION_DESCRIPTION_BEGIN
	!insertmacro MUI_DESCRIPTION_TEXT ${SecRemove} "$(main_more)"
	!insertmacro MUI_DESCRIPTION_TEXT ${SecPurge} "$(purge_more)"
!insertmacro MUI_UNFUNCTION_DESCRIPTION_END
