// An index out of range on the device, which CUDA notices when somebody waits for it; then a call that has nothing to do with it.
import { Tensor, torch } from '../../../dist/index.mjs';

const { device } = JSON.parse(process.argv[2]);
const codeOf = (work) => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error.code ?? error.name;
  }
};
const values = torch.ones([4], { device });
const indices = Tensor.from([1000], { dtype: 'int64' }).to({ device });
const first = codeOf(() => torch.call('aten::index_select', [values, 0, indices]).toTypedArray());
const next = codeOf(() => torch.ones([4], { device }).add(1).toTypedArray());
process.stdout.write(`${first} ${next}\n`);
