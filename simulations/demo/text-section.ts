/** Cuts Markdown into sections, the pieces of work that the agents share out. */
import type { TextFile } from './text-files.ts'

export interface Section {
  /** The file, and the number of the section within it from 1: `README.md#3`. */
  readonly id: string
  readonly file: string
  /** The heading that the section stands under; the file's path before the first one. */
  readonly heading: string
  readonly text: string
}

/** A section that has as many words ends where it next can, so that shares can be even. */
const sectionWordsMax = 25

/** Where a long section can end: before a blank line, a row of a table or an item of a list. */
const boundary = /^\s*(?:$|\||[-*+] |\d+\. )/

/** The sections of all files, in the order of the text. No line is lost but blank ones. */
export function splitSections(files: readonly TextFile[]): Section[] {
  return files.flatMap(splitFile)
}

function splitFile({ path, text }: TextFile): Section[] {
  const sections: Section[] = []
  let heading = path
  let lines: string[] = []
  let inCode = false
  const end = () => {
    if (lines.some(line => line.trim() !== '')) {
      const id = `${path}#${sections.length + 1}`
      sections.push({ id, file: path, heading, text: lines.join('\n').trim() })
    }
    lines = []
  }
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:```|~~~)/.test(line)) inCode = !inCode
    const title = inCode ? undefined : line.match(/^#{1,6}\s+(.*\S)/)?.[1]
    if (title !== undefined) {
      end()
      heading = title
    } else if (!inCode && boundary.test(line) && wordCount(lines.join('\n')) >= sectionWordsMax) {
      end()
    }
    lines.push(line)
  }
  end()
  return sections
}

/** How many runs of letters and digits a text has. */
export function wordCount(text: string): number {
  return text.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
}
