import type { Box } from '../../box.js';
import type { Compiled, Need, TransformContext } from './compiled.js';
import { boxes, expertOf } from './stacked.js';

/** Values that share a scale, and the bytes that hold them. */
const GROUP = 32;
const GROUP_BYTES = 16;

/** An expert's part of MXFP4 blocks [experts, outputs, groups, 16] and their scales [experts, outputs, groups]. */
export function mxfp4(names: readonly string[], context: TransformContext): Compiled {
  return { needs: needs(names, context), boxes: scaled(boxes(context, {})) };
}

/** The same with gate and up rows in turns. */
export function mxfp4Alternating(names: readonly string[], context: TransformContext): Compiled {
  return { needs: needs(names, context), boxes: scaled(boxes(context, { alternating: true })) };
}

function needs([blocks = '', scales = '']: readonly string[], context: TransformContext): Need[] {
  const [outputs = 0, inputs = 0] = context.shape;
  const groups = [expertOf(context).count, outputs, Math.floor(inputs / GROUP)];
  return [
    { name: blocks, shape: [...groups, GROUP_BYTES], dtype: 'U8' },
    { name: scales, shape: groups, dtype: 'U8' },
  ];
}

/** Elements count as the values that the blocks stand for. */
function scaled(over: readonly Box<number>[]): Box<number>[] {
  return over.map((box) => ({ ...box, op: { kind: 'dequant_mxfp4', scale: 1 } }));
}
